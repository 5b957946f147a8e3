import { createHash } from 'node:crypto';
import type { SessionRecord } from './session-record';

/**
 * What a save must know about the session that was loaded or created. It is kept beside the session, not in it, so a
 * session without its handle cannot be saved again after its end.
 */
export interface SessionHandle {
  /** The session's id in Redis, in lists and in `revoke`. It is a hash of the cookie's id, unless `hashIds` is off. */
  id: string;
  /** The key of the record in Redis. */
  key: string;
  /** The key of its connect-redis record, until it is saved. */
  foreignKey: string | undefined;
  /** The serialized session that the application received. Changes are found by comparing with it. */
  base: string;
  /** The serialized session in Redis at version `expected`: `base`, unless another save was merged. */
  stored: string;
  /** The expected version of the record, or the SHA-1 of a connect-redis record. */
  expected: string;
  createdMs: number;
  endsMs: number;
  seenMs: number;
  idleMs: number;
  authenticatedMs: number;
  user: string | undefined;
  /** The login generation. */
  generation: string | undefined;
  /** True if it was loaded by a regenerated id: it is readable, and its changes go to the successor or are dropped. */
  retired: boolean;
}

/** What a regenerated session passes on to its successor. */
export interface SessionOrigin {
  readonly user: string | undefined;
  /** The login generation. */
  readonly generation: string | undefined;
  readonly authenticatedMs: number;
  readonly endsMs: number;
  /** True if it had been destroyed, so its user must log in again. */
  readonly gone: boolean;
}

export const handleOfRecord = (id: string, key: string, record: SessionRecord): SessionHandle => ({
  id,
  key,
  foreignKey: undefined,
  base: record.payload,
  stored: record.payload,
  expected: record.version,
  createdMs: record.createdMs,
  endsMs: record.endsMs,
  seenMs: record.seenMs,
  idleMs: record.idleMs,
  authenticatedMs: record.authenticatedMs,
  user: record.user,
  generation: record.generation,
  retired: record.kind === 'retired',
});

/** Makes the record the new base of a save. The application's changes are still found by comparing with `base`. */
export function useRecord(handle: SessionHandle, record: SessionRecord, user: string | undefined): void {
  const { id, key, base } = handle;
  Object.assign(handle, handleOfRecord(id, key, record), { base, user });
}

/** The handle of a connect-redis record. Its times are unknown, so every touch is due. */
export const handleOfForeign = (
  id: string,
  key: string,
  foreignKey: string | undefined,
  text: string,
): SessionHandle => ({
  id,
  key,
  foreignKey,
  base: text,
  stored: text,
  expected: sha1(text),
  createdMs: 0,
  endsMs: 0,
  seenMs: 0,
  idleMs: 0,
  authenticatedMs: 0,
  user: undefined,
  generation: undefined,
  retired: false,
});

export const sha1 = (text: string): string => createHash('sha1').update(text).digest('hex');
