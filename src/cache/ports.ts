import type { SaveOutcome, WriteRow } from '../entities/entity-store';
import type { Cache } from './types';

/** What the cache needs from later layers, which implement it and pass it in. */

/**
 * A durable log of accepted writes, outside Redis. `append` resolves only when the write would survive the loss of this
 * process, of Redis and of any machine. It throws `E_WRITE_REFUSED` if the write is certainly not in the log, and
 * `E_WRITE_UNKNOWN` if it may be; repeating it with the same version is then safe.
 */
export interface Journal {
  /** Returns the store's outcome if the journal was full and the write went directly to the store; else undefined. */
  append(write: JournalWrite): Promise<SaveOutcome | undefined>;
  /** Sends the writes that callers wait for, then resolves. Part of a clean exit. */
  close(): Promise<void>;
}

export interface JournalWrite extends WriteRow {
  /** `namespace:entity`. */
  readonly entity: string;
  /** When the write was accepted, in ms since 1970. Its lag is counted from here. */
  readonly acceptedAt: number;
}

/**
 * The demand signal of refresh-ahead: each hit of an entity that refreshes ahead calls one of the two methods. Both must
 * return at once and never throw, since a reader is waiting. Times are in ms since 1970, by the clock of Redis.
 */
export interface Demand {
  /** A hit before the entry's refresh point, which is `dueAt`. */
  read(key: string, dueAt: number, expiresAt: number): void;
  /** A hit after the refresh point. `refresh` loads the key and replaces the entry; an implementation need not call it. */
  refreshNeeded(key: string, expiresAt: number, refresh: Cache['refresh']): void;
}
