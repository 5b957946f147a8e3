import { isInvalidated, type TagGeneration, type TagGenerations } from '../invalidate/tag-generations';
import { createdAtOf, expiresIfOurs, FLAG_DIRTY, flagsOf, tagsLengthOf, tagsOf } from './entry-format';

/**
 * What a reader may do with an entry.
 * - `live`: serve it.
 * - `stale`: its life is over, but not its grace.
 * - `invalidated`: a tag or prefix of it was invalidated after it was made.
 * - `undecided`: its tag generations must be read from Redis first.
 * - `unreadable`: foreign, or of a later format.
 */
export type Verdict = 'live' | 'stale' | 'invalidated' | 'undecided' | 'unreadable';

/**
 * Decides whether an entry is too old to be served. `nowMs` is server time. `localMs` is local time, which limits how
 * long generations may be cached; pass undefined if they were just read. `strict` requires them to be read first.
 */
export function judge(
  raw: string,
  prefixes: readonly TagGeneration[],
  generations: TagGenerations,
  nowMs: number,
  localMs: number | undefined,
  strict: boolean,
): Verdict {
  const expiresMs = expiresIfOurs(raw);
  if (expiresMs === 0) return 'unreadable';
  // The database may not have this write yet, so only a newer write or a delete may replace it.
  if ((flagsOf(raw) & FLAG_DIRTY) !== 0) return 'live';
  const all = tagsLengthOf(raw) === 0 ? prefixes : generationsOf(raw, prefixes, generations);
  if (all.length > 0) {
    if (strict || (localMs !== undefined && !generations.areFresh(all, localMs))) return 'undecided';
    if (isInvalidated(createdAtOf(raw), all)) return 'invalidated';
  }
  return expiresMs > nowMs ? 'live' : 'stale';
}

/** The generations of an entry: those of its prefixes and of the tags it was stored with. */
export const generationsOf = (
  raw: string,
  prefixes: readonly TagGeneration[],
  generations: TagGenerations,
): readonly TagGeneration[] => [...prefixes, ...tagsOf(raw).map((tag) => generations.ofTag(tag))];
