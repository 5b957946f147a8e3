import { hash, randomBytes } from 'node:crypto';
import { escapeGlob } from '../../redis/scripts/glob';

/** The names of all keys of a session store. One ACL pattern, `<prefix>*`, covers them. */
export interface SessionKeys {
  readonly prefix: string;
  /** The id in Redis of a cookie's session id: its hash, or itself if `hashIds` is off. */
  idOf(sid: string): string;
  recordOf(id: string): string;
  /** The connect-redis key of the same session; undefined if that is our own key. */
  foreignOf(sid: string): string | undefined;
  /** The sorted set of a user's sessions. It is in the same slot as the login generation. */
  indexOf(user: string): string;
  /** The login generation that every live session of the user has. */
  loginGenerationOf(user: string): string;
  /** The SCAN pattern of all keys; `isRecord` accepts the records among them. */
  readonly pattern: string;
  isRecord(key: string): boolean;
  isIndex(key: string): boolean;
}

/** SHA-256 as 43 characters. */
export const hashOf = (text: string): string => hash('sha256', text, 'base64url');

/** 256 random bits as 43 characters, without a time or a counter. */
export const newSessionId = (): string => randomBytes(32).toString('base64url');

export function createSessionKeys(prefix: string, hashIds: boolean): SessionKeys {
  const users = `${prefix}user:{`;
  const idOf = (sid: string) => (hashIds ? hashOf(sid) : sid);
  return {
    prefix,
    idOf,
    recordOf: (id) => prefix + id,
    foreignOf: (sid) => (hashIds ? prefix + sid : undefined),
    indexOf: (user) => `${users}${hashOf(user)}}:sessions`,
    loginGenerationOf: (user) => `${users}${hashOf(user)}}:generation`,
    pattern: `${escapeGlob(prefix)}*`,
    isRecord: (key) => key.startsWith(prefix) && !key.startsWith(users),
    isIndex: (key) => key.startsWith(users) && key.endsWith(':sessions'),
  };
}
