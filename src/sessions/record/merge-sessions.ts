import { isDeepStrictEqual } from 'node:util';

/** A session as the serializer reads it: its top-level keys are what is merged. */
export type SessionContent = Readonly<Record<string, unknown>>;

/**
 * What is to be stored when somebody saved since this side loaded: theirs, with every top-level key that this side
 * changed, added or removed since `base`; the last writer wins per key. The cookie is always this side's: it describes
 * the answer that is just being given.
 */
export function mergeSessions(base: SessionContent, mine: SessionContent, theirs: SessionContent): SessionContent {
  const merged = new Map(Object.entries(theirs));
  for (const key of new Set([...Object.keys(base), ...Object.keys(mine)])) {
    const removed = !Object.hasOwn(mine, key);
    if (key !== 'cookie' && Object.hasOwn(base, key) !== removed && isDeepStrictEqual(mine[key], base[key])) continue;
    if (removed) merged.delete(key);
    else merged.set(key, mine[key]);
  }
  return Object.fromEntries(merged); // defines properties, so that a key named __proto__ stays a key
}
