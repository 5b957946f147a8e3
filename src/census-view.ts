import { DAY } from './clock';
import { type CensusFindings, censusReport, type GroupReport, type RecordStore } from './hygiene';
import { OVERFLOW } from './hygiene/census/census-labels';
import type { SweepRecord, SweepSummary } from './hygiene/records/sweep-record';
import { dailyRecordName, sweepRecordName } from './hygiene/records/sweep-record';
import type { CensusGroup, CensusView } from './monitoring';

/** The census as people see it, from the records of the passes; undefined before the first one has ended. */
export async function readCensus(records: RecordStore): Promise<CensusView | undefined> {
  const pass = await records.read<SweepRecord<CensusFindings>>(sweepRecordName('census'));
  const last = pass?.value.last;
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

/** Of a week before, so that a weekend is no growth; of two days before until there is one: never less than a day. */
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
    // A group that was not named then had no keys, unless it was too small to be named.
    const then = keys.get(group.label) ?? (keys.has(OVERFLOW) ? undefined : 0);
    return before === undefined || then === undefined ? null : ((group.keys - then) * DAY) / (at - before.finishedAt);
  };
}

const toGroup = ({ label, keys, withoutTtl, memory }: GroupReport, keysPerDay: number | null): CensusGroup => ({
  ...{ label, keys, keysPerDay },
  withoutTtlShare: keys === 0 ? null : withoutTtl / keys,
  memoryBytes: memory?.bytes ?? null,
  memoryErrorBytes: memory?.errorBytes ?? null,
});
