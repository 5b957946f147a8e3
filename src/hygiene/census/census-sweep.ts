import { DAY } from '../../clock';
import { fitLine } from '../../least-squares';
import type { SweepKind } from '../ports';
import type { HistoryLine } from '../records/sweep-record';
import { censusReport } from './census-report';
import { addGroups, type CensusBatch, type CensusFindings } from './census-tally';

export const censusKind: SweepKind<CensusFindings, CensusBatch> = {
  name: 'census',
  daily: true,
  empty: () => ({ groups: {}, big: [], measured: true }),
  add: addGroups,
  merge: addGroups,
  forget(findings) {
    findings.groups = {};
    findings.big = [];
    findings.measured = true;
  },
  figures(findings) {
    const { total, groups, big } = censusReport(findings);
    return {
      keys: total.keys,
      keysWithoutTtl: total.withoutTtl,
      groups: groups.length,
      biggestBytes: big[0]?.bytes ?? 0,
      ...(total.memory ? { bytes: total.memory.bytes, bytesError: total.memory.errorBytes } : {}),
    };
  },
  changes: () => ({}),
  trend,
};

/** Only recent growth counts: an old surge says nothing about the next month. */
const WINDOW_MS = 30 * DAY;
/** Two censuses of one afternoon say nothing about a day. */
const LEAST_SPAN_MS = DAY;

/**
 * The growth of the keyspace, from a straight line through the censuses of the last 30 days: `keysPerDay`,
 * `usedBytesPerDay` and, if memory grows and the server has a limit, `daysUntilFull`. Empty until two censuses are a
 * day apart.
 */
export function trend(history: readonly HistoryLine[]): Record<string, number> {
  const latest = history.at(-1);
  if (!latest) return {};
  const recent = history.filter(({ at }) => at >= latest.at - WINDOW_MS);
  if (latest.at - (recent[0]?.at ?? latest.at) < LEAST_SPAN_MS) return {};
  const keysPerDay = slopePerDay(recent, 'keys');
  const usedBytesPerDay = slopePerDay(recent, 'usedBytes');
  const { usedBytes = 0, capacityBytes = 0 } = latest.figures;
  const left = capacityBytes - usedBytes;
  return {
    keysPerDay,
    usedBytesPerDay,
    ...(capacityBytes > 0 && usedBytesPerDay > 0 ? { daysUntilFull: Math.max(0, left / usedBytesPerDay) } : {}),
  };
}

/** The slope of a least-squares line. */
const slopePerDay = (lines: readonly HistoryLine[], figure: string) =>
  fitLine(lines.map(({ at, figures }) => [at / DAY, figures[figure] ?? 0]))?.slope ?? 0;
