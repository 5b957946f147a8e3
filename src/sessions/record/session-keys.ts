import { hash, randomBytes } from 'node:crypto';
import { escapeGlob } from '../../redis/glob';

/** Names of everything a session store keeps in Redis. One ACL pattern, `<prefix>*`, covers them all. */
export interface SessionKeys {
  readonly prefix: string;
  /** What stands for an id in Redis, in the index and in lists: its hash, or itself where hashing is off. */
  idOf(sid: string): string;
  recordOf(id: string): string;
  /** Where connect-redis keeps the same session; undefined where that is our own key. */
  foreignOf(sid: string): string | undefined;
  /** Sorted set of a user's sessions; on a cluster in one slot with the generation. */
  indexOf(user: string): string;
  /** The generation that every living session of the user carries. */
  generationOf(user: string): string;
  /** SCAN pattern of all keys; records among them are those that `isRecord` accepts. */
  readonly pattern: string;
  isRecord(key: string): boolean;
  isIndex(key: string): boolean;
}

/** 128 bits of SHA-256 would do against guessing; all 256 cost nothing more. 43 characters. */
export function hashOf(text: string): string {
  return hash('sha256', text, 'base64url');
}

/** 256 bits from the system's generator, and nothing else: no time, no counter. 43 characters. */
export function newSessionId(): string {
  return randomBytes(32).toString('base64url');
}

export function createSessionKeys(prefix: string, hashIds: boolean): SessionKeys {
  const users = `${prefix}user:{`;
  const idOf = (sid: string) => (hashIds ? hashOf(sid) : sid);
  return {
    prefix,
    idOf,
    recordOf: (id) => prefix + id,
    foreignOf: (sid) => (hashIds ? prefix + sid : undefined),
    indexOf: (user) => `${users}${hashOf(user)}}:sessions`,
    generationOf: (user) => `${users}${hashOf(user)}}:generation`,
    pattern: `${escapeGlob(prefix)}*`,
    isRecord: (key) => key.startsWith(prefix) && !key.startsWith(users),
    isIndex: (key) => key.startsWith(users) && key.endsWith(':sessions'),
  };
}
