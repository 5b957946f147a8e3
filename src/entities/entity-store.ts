import type { Version } from './version';

/** What a store holds of a key. A tombstone is a row that was deleted and remembers when. */
export type StoredRow<V> =
  | { readonly deleted: false; readonly value: V; readonly version: Version }
  | { readonly deleted: true; readonly version: Version };

/**
 * One write on its way to a store. `value` is JSON text, as the web app serialized it: nothing between there and
 * the database parses it, so the store refuses for good what is none. A delete is `value: null`; a stored JSON null is the text `null`.
 */
export interface WriteRow {
  readonly key: string;
  readonly version: Version;
  readonly value: string | null;
}

/** What became of one row: saved, or refused by the fence because the store has this version or a newer one. */
export type SaveOutcome = { readonly saved: true } | { readonly saved: false; readonly storedVersion: Version };

/**
 * The database behind an entity, as write-behind and the loaders need it. `saveMany` is one fenced statement: a row
 * is written only over an older version, so order of delivery and repeats do not matter. It throws
 * {@link TransientStoreError} when trying the same again may succeed and {@link PermanentStoreError} when a row can
 * never be saved; then nothing of the call was saved.
 */
export interface EntityStore<V = unknown> {
  /** Of the keys that have a row, tombstones included; the others are absent from the map. */
  loadMany(keys: readonly string[], signal?: AbortSignal): Promise<ReadonlyMap<string, StoredRow<V>>>;
  /**
   * One outcome a row, in the order given. Keys are distinct within a call. Where the store has a row's own version
   * already, `saved` may be either: the write is in the store.
   */
  saveMany(rows: readonly WriteRow[]): Promise<readonly SaveOutcome[]>;
  /** Makes what it needs (its table), where it is allowed to. Idempotent. */
  migrate(): Promise<void>;
}
