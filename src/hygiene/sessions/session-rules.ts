import type { Glob } from '../../redis';

/** How sessions are stored. */
export interface SessionsSweepOptions {
  /** The beginning of every session's key. */
  readonly prefix: string;
  /** Says which keys are sessions; the prefix is then ignored. Undefined: the prefix says it. */
  readonly only: Glob | undefined;
  /** Life of a session whose record does not say how long it may be idle, in ms. */
  readonly lifeMs: number;
  /** No session lives longer, in ms. */
  readonly longestMs: number;
  /** Every n-th record is checked for damage and size; 0: none. */
  readonly inspectEvery: number;
  /** A larger record is reported as oversized, in bytes. */
  readonly largestBytes: number;
}

/** The beginning of the keys that belong to a user: the index and the login generation (docs/sessions.md). */
export const usersPrefix = (prefix: string): string => `${prefix}user:{`;

/** What a key is to the sweep. sessions-batch.lua decides the same. */
export function kindOf(key: Buffer, { prefix, only }: SessionsSweepOptions): 'session' | 'users' | undefined {
  if (only ? !only.matches(key) : !hasPrefix(key, prefix)) return undefined;
  const isUsers = only ? key.includes(usersPrefix('')) : hasPrefix(key, usersPrefix(prefix));
  return isUsers ? 'users' : 'session';
}

/** Compares bytes, since a key's name need not be text. */
function hasPrefix(key: Buffer, prefix: string): boolean {
  const wanted = Buffer.from(prefix);
  return key.length >= wanted.length && key.subarray(0, wanted.length).equals(wanted);
}

/** Most members that one batch removes from one index: removing a million at once would block the server. */
export const MAX_PRUNED = 1_000;
/** Bytes of a record that are read: enough for its header, or for the cookie of a record in JSON. */
export const HEAD_BYTES = 1_024;

/**
 * The remaining life that a record itself states, in ms; undefined if it states none. sessions-batch.lua decides the
 * same, and one test table covers both.
 */
export function ownLifeMs(head: string, nowMs: number): number | undefined {
  if (head.startsWith('cs1 ')) {
    const [ends, seen, idle] = [head.slice(37, 50), head.slice(51, 64), head.slice(65, 78)].map(digits);
    if (ends === undefined || seen === undefined || idle === undefined) return undefined;
    return Math.max(1_000, (idle > 0 ? Math.min(seen + idle, ends) : ends) - nowMs);
  }
  const cookie = /"originalMaxAge":(\d+)/.exec(head);
  return cookie ? Math.max(1_000, Number(cookie[1])) : undefined;
}

const digits = (text: string): number | undefined => (/^\d+$/.test(text) ? Number(text) : undefined);

/** True for a record of ours or of connect-redis that shows no damage. */
export function isSound(text: string): boolean {
  if (text.startsWith('cs1 ')) return /^cs1 [srp] \d+ \d+ \d+ \d+ \d+ \d+ [\w-]+\n[^\n]*\n/.test(text);
  try {
    return text.startsWith('{') && JSON.parse(text) !== null;
  } catch {
    return false;
  }
}
