import { createHash } from 'node:crypto';
import type { SessionRecord } from './session-record';

/**
 * What is known of a session that was loaded or created, so that it can be saved onto what it came from. It lives
 * beside the session, not in it; whoever holds a session without its handle can't save it back to life.
 */
export interface SessionHandle {
  /** What stands for the session in lists and in `revoke`; never the id in the cookie, unless hashing is off. */
  id: string;
  /** The record in Redis. */
  key: string;
  /** Where connect-redis keeps it still, until it is saved. */
  foreignKey: string | undefined;
  /** What the application's object was made of, serialized: changes are told against it. */
  base: string;
  /** What Redis held at `expected`: `base`, unless another's save was merged in. */
  stored: string;
  /** Version that the record had, or the SHA-1 of a connect-redis record. */
  expected: string;
  createdMs: number;
  endsMs: number;
  seenMs: number;
  idleMs: number;
  authenticatedMs: number;
  user: string | undefined;
  generation: string | undefined;
  /** It was loaded by an id that had been regenerated: readable, but its changes go to the successor or nowhere. */
  retired: boolean;
}

/** What a session that was regenerated hands on to the one that takes its place. */
export interface SessionOrigin {
  readonly user: string | undefined;
  readonly generation: string | undefined;
  readonly authenticatedMs: number;
  readonly endsMs: number;
  /** It had been destroyed: its user must log in again. */
  readonly gone: boolean;
}

export function handleOfRecord(id: string, key: string, record: SessionRecord): SessionHandle {
  return {
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
  };
}

/** Makes `handle` stand on what the record holds now; what the application changed is still told against `base`. */
export function adoptRecord(handle: SessionHandle, record: SessionRecord, user: string | undefined): void {
  const { id, key, base } = handle;
  Object.assign(handle, handleOfRecord(id, key, record), { base, user });
}

/** Of a connect-redis record; its times are unknown, so every touch of it is due. */
export function handleOfForeign(id: string, key: string, foreignKey: string | undefined, text: string): SessionHandle {
  return {
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
  };
}

export function sha1(text: string): string {
  return createHash('sha1').update(text).digest('hex');
}
