import { type Epoch, type Epochs, isKilled } from '../invalidate/tag-generations';
import { expiresIfOurs, FLAG_DIRTY, flagsOf, stampOf, tagsLengthOf, tagsOf } from './entry-format';

/**
 * What an entry is worth to a reader. `live`: serve it. `stale`: past its life, within its grace. `killed`: an epoch
 * has invalidated it. `unsure`: an epoch must be read first. `unreadable`: foreign, or of a newer format.
 */
export type Verdict = 'live' | 'stale' | 'killed' | 'unsure' | 'unreadable';

/** `now` is server time, `local` the time that epochs are read by, both in ms; undefined where they were just read. */
export function inspect(
  raw: string,
  prefixes: readonly Epoch[],
  epochs: Epochs,
  now: number,
  local: number | undefined,
  strict: boolean,
): Verdict {
  const expiresMs = expiresIfOurs(raw);
  if (expiresMs === 0) return 'unreadable';
  // A write that the database may not have yet: only newer writes and deletes take it away.
  if ((flagsOf(raw) & FLAG_DIRTY) !== 0) return 'live';
  const all = tagsLengthOf(raw) === 0 ? prefixes : epochsOf(raw, prefixes, epochs);
  if (all.length > 0) {
    if (strict || (local !== undefined && !epochs.areFresh(all, local))) return 'unsure';
    if (isKilled(stampOf(raw), all)) return 'killed';
  }
  return expiresMs > now ? 'live' : 'stale';
}

/** The epochs of an entry: of its prefixes, and of the tags it was stored with. */
export function epochsOf(raw: string, prefixes: readonly Epoch[], epochs: Epochs): readonly Epoch[] {
  return [...prefixes, ...tagsOf(raw).map((tag) => epochs.ofTag(tag))];
}
