import { isDeepStrictEqual } from 'node:util';

/** A session as the serializer reads it. Sessions are merged by top-level key. */
export type SessionContent = Readonly<Record<string, unknown>>;

/**
 * Merges two saves of one session: `theirs`, with every top-level key that `mine` has changed, added or removed since
 * `base`. The last writer wins per key. The cookie is always mine, because it describes the response being sent.
 */
export function mergeSessions(base: SessionContent, mine: SessionContent, theirs: SessionContent): SessionContent {
  const merged = new Map(Object.entries(theirs));
  for (const key of new Set([...Object.keys(base), ...Object.keys(mine)])) {
    const removed = !Object.hasOwn(mine, key);
    if (key !== 'cookie' && Object.hasOwn(base, key) !== removed && isDeepStrictEqual(mine[key], base[key])) continue;
    if (removed) merged.delete(key);
    else merged.set(key, mine[key]);
  }
  return Object.fromEntries(merged); // fromEntries defines properties, so a key named __proto__ stays a key
}
