import type { SaveOutcome, WriteRow } from '../entities/entity-store';

/** What the cache needs of others. The implementations live in later layers and are passed in. */

/**
 * A durable, ordered-by-version log of accepted writes, outside Redis. `append` resolves only when the write would
 * survive this process, Redis and any machine. It throws `E_WRITE_REFUSED` when the write is certainly not in it,
 * and `E_WRITE_UNKNOWN` when it may be: repeating it with the same version is then safe.
 */
export interface Journal {
  /** Answers the store's outcome where the write went straight to it, since the journal is full; else nothing. */
  append(write: JournalWrite): Promise<SaveOutcome | undefined>;
  /** Sends what callers are waiting for, then resolves. Part of a clean exit. */
  close(): Promise<void>;
}

export interface JournalWrite extends WriteRow {
  /** `namespace:entity`. */
  readonly entity: string;
  /** When the caller's write was accepted, in ms since 1970: the start of its lag. */
  readonly acceptedAt: number;
}

/**
 * The demand signal of refresh-ahead: each read of a live entry of a refreshed entity calls one of the two. Both must
 * return at once and never throw, since a reader is waiting. Times in ms since 1970, by the clock of Redis.
 */
export interface Demand {
  /** Before its refresh point, which is `dueAt`. */
  read(key: string, dueAt: number, expiresAt: number): void;
  /** Past its refresh point. */
  refreshNeeded(key: string, expiresAt: number): void;
}
