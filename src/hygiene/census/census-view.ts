import { DAY } from '../../clock';
import type { RecordStore } from '../ports';
import { dailyRecordName, type SweepRecord, type SweepSummary, sweepRecordName } from '../records/sweep-record';
import { OVERFLOW } from './census-labels';
import { censusReport, type GroupReport } from './census-report';
import type { CensusFindings } from './census-tally';

/** One group of keys in a census of the keyspace. */
export interface CensusGroup {
  /** `namespace:entity` of cached entries, `sessions` and so on. */
  readonly label: string;
  readonly keys: number;
  /** Share of its keys; null if it has none. */
  readonly withoutTtlShare: number | null;
  /** An estimate, within plus or minus `memoryErrorBytes`; null if the server does not report it. */
  readonly memoryBytes: number | null;
  readonly memoryErrorBytes: number | null;
  /** Its growth; null without an earlier census to compare with. */
  readonly keysPerDay: number | null;
}

/** The newest census of the keyspace. */
export interface CensusView {
  /** ms since 1970. */
  readonly finishedAt: number;
  /** False if it may have missed keys. */
  readonly isComplete: boolean;
  /** The largest first. */
  readonly groups: readonly CensusGroup[];
  readonly total: CensusGroup;
  /** The growth of the servers' used memory. */
  readonly usedBytesPerDay: number | null;
  /** Counted from `finishedAt`; null if memory does not grow or has no limit. */
  readonly daysUntilFull: number | null;
}

/** With the day on which memory will be full, in ms since 1970; null if that is not foreseeable. */
export interface DatedCensus extends CensusView {
  readonly fullAt: number | null;
}

/** Beyond this, a forecast from very slow growth is meaningless. */
const HORIZON_DAYS = 3_650;

export function dated(census: CensusView | undefined): DatedCensus | null {
  if (!census) return null;
  const { finishedAt, daysUntilFull: days } = census;
  return { ...census, fullAt: days === null || days > HORIZON_DAYS ? null : finishedAt + days * DAY };
}

/** Reads the newest census from the records of the sweeps; undefined before the first one has finished. */
export async function readCensus(records: RecordStore): Promise<CensusView | undefined> {
  const sweep = await records.read<SweepRecord<CensusFindings>>(sweepRecordName('census'));
  const last = sweep?.value.last;
  if (!last) return undefined;
  const { groups, total } = censusReport(last.findings);
  const growthOf = growthSince(await earlier(records, last.finishedAt), last.finishedAt);
  const { keysPerDay = null, usedBytesPerDay = null, daysUntilFull = null } = last.figures;
  return {
    finishedAt: last.finishedAt,
    isComplete: last.faults.length === 0,
    groups: groups.map((group) => toGroup(group, growthOf(group))),
    total: toGroup(total, keysPerDay),
    usedBytesPerDay,
    daysUntilFull,
  };
}

/** The census of a week before, so that a weekend does not count as growth; of two days before if there is none yet. */
async function earlier(records: RecordStore, at: number): Promise<SweepSummary<CensusFindings> | undefined> {
  for (const days of [7, 2]) {
    const found = await records.read<SweepSummary<CensusFindings>>(
      dailyRecordName('census', new Date(at - days * DAY)),
    );
    if (found) return found.value;
  }
  return undefined;
}

function growthSince(before: SweepSummary<CensusFindings> | undefined, at: number) {
  const keys = new Map(before && censusReport(before.findings).groups.map((group) => [group.label, group.keys]));
  return (group: GroupReport): number | null => {
    // A group that was not listed then had no keys, unless it was too small to be listed.
    const then = keys.get(group.label) ?? (keys.has(OVERFLOW) ? undefined : 0);
    return before === undefined || then === undefined ? null : ((group.keys - then) * DAY) / (at - before.finishedAt);
  };
}

const toGroup = ({ label, keys, withoutTtl, memory }: GroupReport, keysPerDay: number | null): CensusGroup => ({
  label,
  keys,
  keysPerDay,
  withoutTtlShare: keys === 0 ? null : withoutTtl / keys,
  memoryBytes: memory?.bytes ?? null,
  memoryErrorBytes: memory?.errorBytes ?? null,
});
