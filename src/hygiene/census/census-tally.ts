import { OVERFLOW } from './census-labels';

/** Upper ends of the TTL histogram's buckets, in ms. One more bucket counts longer TTLs, and a last one keys without a TTL. */
export const TTL_EDGES_MS = [60_000, 600_000, 3_600_000, 21_600_000, 86_400_000, 604_800_000, 2_592_000_000] as const;
export const TTL_NAMES = ['1m', '10m', '1h', '6h', '1d', '7d', '30d', 'longer', 'none'] as const;
export const TYPE_NAMES = ['string', 'list', 'set', 'zset', 'hash', 'stream', 'other'] as const;

/**
 * One group's numbers, in the order in which the script returns them: keys; nine TTL buckets; seven types; strings
 * measured and their bytes; others measured and their bytes. Last, and not from the script, the sum of the squares of
 * the measured strings' bytes.
 */
export type Tally = number[];

export const TTL_AT = 1;
export const TYPE_AT = TTL_AT + TTL_NAMES.length;
export const SAMPLED = TYPE_AT + TYPE_NAMES.length;
export const SAMPLED_BYTES = SAMPLED + 1;
export const MEASURED = SAMPLED + 2;
export const MEASURED_BYTES = SAMPLED + 3;
export const SQUARES = SAMPLED + 4;
const LENGTH = SQUARES + 1;

export const emptyTally = (): Tally => new Array<number>(LENGTH).fill(0);

export interface BigKey {
  /** The key, shortened and escaped. For a session only the SHA-1, since its key may be its id. */
  readonly key: string;
  readonly type: string;
  /** Length of a string, memory of anything else. */
  readonly bytes: number;
}

export interface CensusFindings {
  groups: Record<string, Tally>;
  big: BigKey[];
  /** False if the server has no MEMORY USAGE: then nothing is known about bytes. */
  measured: boolean;
}

export type CensusBatch = Readonly<CensusFindings>;

/** Groups kept during a run; the smallest beyond them are added up. */
const MAX_GROUPS = 200;
export const BIG_KEYS = 10;

export function addGroups(findings: CensusFindings, batch: CensusBatch): void {
  for (const [label, tally] of Object.entries(batch.groups)) {
    const known = findings.groups[label];
    if (known) addTally(known, tally);
    else findings.groups[label] = [...tally];
  }
  findings.measured &&= batch.measured;
  const merged = [...findings.big, ...batch.big].sort((one, other) => other.bytes - one.bytes);
  const names = new Set<string>();
  // SCAN may give a key twice.
  findings.big = merged.filter(({ key }) => !names.has(key) && names.add(key)).slice(0, BIG_KEYS);
  if (Object.keys(findings.groups).length > MAX_GROUPS) findings.groups = topGroups(findings.groups, MAX_GROUPS / 2);
}

/** The largest `top` groups and the sum of the others as one more. */
export function topGroups(groups: Readonly<Record<string, Tally>>, top: number): Record<string, Tally> {
  const { [OVERFLOW]: already, ...named } = groups;
  const sorted = Object.entries(named).sort(([, one], [, other]) => (other[0] ?? 0) - (one[0] ?? 0));
  const rest = sorted.slice(top);
  const kept = Object.fromEntries(sorted.slice(0, top));
  if (rest.length === 0 && !already) return kept;
  const overflow = already ? [...already] : emptyTally();
  for (const [, tally] of rest) addTally(overflow, tally);
  return { ...kept, [OVERFLOW]: overflow };
}

export function addTally(into: Tally, other: Tally): void {
  for (let index = 0; index < LENGTH; index += 1) into[index] = (into[index] ?? 0) + (other[index] ?? 0);
}
