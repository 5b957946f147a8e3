import type { Glob } from '../../redis/glob';
import { hasPrefix } from '../engine/has-prefix';

/** How sessions are kept. */
export interface SessionsPassOptions {
  /** What every session's key begins with. */
  readonly prefix: string;
  /** Which keys are sessions, whatever they begin with; the prefix says nothing then. Undefined: the prefix does. */
  readonly only: Glob | undefined;
  /** Life of a session whose record does not say how long it may idle, in ms. */
  readonly lifeMs: number;
  /** No session lives longer, in ms. */
  readonly longestMs: number;
  /** Every n-th record is looked into for damage and size; 0: none. */
  readonly inspectEvery: number;
  /** A larger record is reported as oversized, in bytes. */
  readonly largestBytes: number;
}

/** What belongs to a user rather than to one session begins so: its index and its generation (docs/sessions.md). */
export const usersPrefix = (prefix: string): string => `${prefix}user:{`;

/** What a key is to the pass; the same is said in lua/sessions-page.lua. */
export function kindOf(key: Buffer, { prefix, only }: SessionsPassOptions): 'session' | 'users' | undefined {
  if (only ? !only.matches(key) : !hasPrefix(key, prefix)) return undefined;
  const isUsers = only ? key.includes(usersPrefix('')) : hasPrefix(key, usersPrefix(prefix));
  return isUsers ? 'users' : 'session';
}

/** Members that one page removes from one index at most: removing a million at once would stop the server. */
export const MAX_PRUNED = 1_000;
/** As much of a record as its header, or the cookie of one kept as JSON, needs. */
export const HEAD_BYTES = 1_024;
