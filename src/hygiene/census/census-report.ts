import type { BigKey, CensusFindings, Tally } from './census-tally';
import * as tallies from './census-tally';

/** The census of one group of keys. */
export interface GroupReport {
  /** `namespace:entity`, `sessions`, `(overflow)` and so on. */
  readonly label: string;
  readonly keys: number;
  readonly withoutTtl: number;
  /** Keys by the TTL they have left. */
  readonly ttl: Readonly<Record<(typeof tallies.TTL_NAMES)[number], number>>;
  readonly types: Readonly<Partial<Record<(typeof tallies.TYPE_NAMES)[number], number>>>;
  /** Estimated from a sample of the strings; absent if the server does not report a key's memory. */
  readonly memory?: Memory;
}

export interface Memory {
  readonly bytes: number;
  /** The true sum is within `bytes` plus or minus this, 999 times in 1,000. The server samples large collections itself: that error comes on top. */
  readonly errorBytes: number;
  readonly measuredKeys: number;
}

export interface CensusReport {
  readonly groups: readonly GroupReport[];
  readonly total: GroupReport;
  readonly big: readonly BigKey[];
}

const TOP = 50;
/** Of the normal distribution: 99.9 % of the values are within. */
const Z = 3.29;

/** The largest groups first, the others as one. Pure. */
export function censusReport(findings: CensusFindings): CensusReport {
  const groups = Object.entries(tallies.topGroups(findings.groups, TOP)).map(([label, tally]) => ({
    report: groupReport(label, tally, findings.measured),
    tally,
  }));
  const all = tallies.emptyTally();
  for (const { tally } of groups) tallies.addTally(all, tally);
  const { memory: _, ...total } = groupReport('total', all, false);
  const memories = groups.flatMap(({ report }) => report.memory ?? []);
  const isWhole = memories.length === groups.length && findings.measured;
  const memory: Memory = {
    bytes: memories.reduce((sum, { bytes }) => sum + bytes, 0),
    // Groups are sampled independently, so their variances add up.
    errorBytes: Math.ceil(Math.hypot(...memories.map(({ errorBytes }) => errorBytes))),
    measuredKeys: memories.reduce((sum, { measuredKeys }) => sum + measuredKeys, 0),
  };
  return {
    groups: groups.map(({ report }) => report),
    total: isWhole ? { ...total, memory } : total,
    big: findings.big,
  };
}

function groupReport(label: string, tally: Tally, measured: boolean): GroupReport {
  const at = (index: number) => tally[index] ?? 0;
  const ttl = Object.fromEntries(
    tallies.TTL_NAMES.map((name, index) => [name, at(tallies.TTL_AT + index)]),
  ) as GroupReport['ttl'];
  const types = Object.fromEntries(
    tallies.TYPE_NAMES.map((name, index) => [name, at(tallies.TYPE_AT + index)] as const).filter(
      ([, count]) => count > 0,
    ),
  );
  return {
    label,
    keys: at(0),
    withoutTtl: ttl.none,
    ttl,
    types,
    ...(measured && hasAnswers(tally) ? { memory: memoryOf(tally) } : {}),
  };
}

/** An ACL may refuse MEMORY USAGE although the server has it: then nothing was measured. */
function hasAnswers(tally: Tally): boolean {
  const [keys = 0, strings = 0] = [tally[0], tally[tallies.TYPE_AT]];
  return (
    (strings === 0 || (tally[tallies.SAMPLED] ?? 0) > 0) && (keys === strings || (tally[tallies.MEASURED] ?? 0) > 0)
  );
}

/** Strings are estimated from their sample; all other types were measured. */
function memoryOf(tally: Tally): Memory {
  const at = (index: number) => tally[index] ?? 0;
  const [strings, sampled] = [at(tallies.TYPE_AT), at(tallies.SAMPLED)];
  const mean = sampled > 0 ? at(tallies.SAMPLED_BYTES) / sampled : 0;
  const variance = sampled > 1 ? Math.max(0, (at(tallies.SQUARES) - sampled * mean * mean) / (sampled - 1)) : 0;
  // With the finite population correction, a group that was measured whole has no error.
  const correction = strings > 1 ? Math.sqrt((strings - sampled) / (strings - 1)) : 0;
  const error = sampled > 0 ? Z * strings * Math.sqrt(variance / sampled) * correction : 0;
  return {
    bytes: Math.round(at(tallies.MEASURED_BYTES) + strings * mean),
    errorBytes: Math.ceil(error),
    measuredKeys: sampled + at(tallies.MEASURED),
  };
}
