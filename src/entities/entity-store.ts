import type { Version } from './version';

/** What a store holds for a key: a value, or a tombstone, which keeps the version of a deletion. */
export type StoredRow<V> =
  | { readonly deleted: false; readonly value: V; readonly version: Version }
  | { readonly deleted: true; readonly version: Version };

/**
 * One write on its way to a store. `value` is the JSON text that the web app serialized. Nothing before the database
 * parses it, so the store must refuse text that is not JSON as a permanent failure. A delete is `value: null`; a JSON
 * null is the text `null`.
 */
export interface WriteRow {
  readonly key: string;
  readonly version: Version;
  readonly value: string | null;
}

/** The outcome of one row: saved, or refused by the fence because the store has this version or a newer one. */
export type SaveOutcome = { readonly saved: true } | { readonly saved: false; readonly storedVersion: Version };

/**
 * The database behind an entity, for loads and for write-behind. `saveMany` is one fenced statement: it only replaces
 * older versions, so the order of delivery and repeats do not matter. It throws {@link TransientStoreError} if the same
 * call may succeed later, and {@link PermanentStoreError} if a row can never be saved. Then it has saved no row.
 */
export interface EntityStore<V = unknown> {
  /** The rows of these keys, tombstones included. Keys without a row are absent from the map. */
  loadMany(keys: readonly string[], signal?: AbortSignal): Promise<ReadonlyMap<string, StoredRow<V>>>;
  /**
   * Returns one outcome per row, in the order given. The keys of a call are distinct. If the store already has a row's
   * version, `saved` may be true or false, since the write is in the store.
   */
  saveMany(rows: readonly WriteRow[]): Promise<readonly SaveOutcome[]>;
  /** Creates its table if it may. Idempotent. */
  migrate(): Promise<void>;
}
