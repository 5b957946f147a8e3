import type { Entity, EntityCacheOptions, LoadContext } from '../entities/define-entity';
import type { Version } from '../entities/version';

/*
 * Terminology
 * - life: from the fill until `ttlSeconds` have passed, less jitter. After it an entry is stale.
 * - grace: the time past its life in which a stale entry may still be served, when the source fails or is slow.
 * - stamp: server time at which the load of an entry began; what epochs are compared with.
 * - epoch: the moment of the last invalidation of a tag or prefix. What was stamped at or before it is a miss.
 * - lease: the right to load a key and to store what was loaded. Every write and invalidation of the key ends it.
 * - dirty: written behind and not yet known to be in the database. Yields only to newer writes and deletes.
 */

/** Gives the value of a key from its source; undefined where there is none. */
export type Loader<V> = (key: string, context: LoadContext) => Promise<V | undefined> | V | undefined;

/** Gives the values of many keys at once; leaves out those that have none. */
export type BulkLoader<V> = (
  keys: readonly string[],
  context: LoadContext,
) => Promise<ReadonlyMap<string, V>> | ReadonlyMap<string, V>;

/** What the options of an entity can be for one call. What they mean is documented with the entity's. */
export interface CallOptions
  extends Pick<
    EntityCacheOptions,
    | 'ttlSeconds'
    | 'jitter'
    | 'graceSeconds'
    | 'negativeTtlSeconds'
    | 'errorTtlMs'
    | 'softTimeoutMs'
    | 'hardTimeoutMs'
    | 'compressOverBytes'
    | 'strict'
  > {
  /** Tags of the entries that this call stores, besides those of the entity. Default: none. */
  readonly tags?: readonly string[];
}

export type WriteOptions = Pick<CallOptions, 'ttlSeconds' | 'jitter' | 'graceSeconds' | 'compressOverBytes' | 'tags'>;

export interface WriteBehindOptions extends WriteOptions {
  /** Of the write that is repeated after `E_WRITE_UNKNOWN`. Default: a new one. */
  readonly version?: Version;
}

export interface WarmItem {
  readonly key: string;
  readonly value: unknown;
  /** In seconds. Default: the entity's. */
  readonly ttl?: number;
}

export interface MemoizeOptions<A extends unknown[]> extends CallOptions {
  /** Names the function's entries; unique in the app. */
  readonly name: string;
  /** The part of the key that tells calls apart. Default: a stable hash of the arguments. */
  readonly key?: (...args: A) => string;
}

export type RefreshResult = 'refreshed' | 'gone' | 'superseded' | 'failed' | 'unknown-entity';

export interface RefreshOptions {
  /**
   * By key, the end of life of the entry that is to be replaced, in ms since 1970. Where there is another one by now, or
   * none, nothing is loaded and the outcome is `superseded`. Default: whatever is there is replaced.
   */
  readonly replaces?: ReadonlyMap<string, number>;
}

export interface RefreshOutcome {
  readonly key: string;
  /**
   * `refreshed`: loaded and stored. `gone`: the source has no such row. `superseded`: a write, a delete or another load
   * won, or the entry is dirty. `failed`: the load failed. `unknown-entity`: nothing can load the key.
   */
  readonly outcome: RefreshResult;
  /** End of the new entry's life, in ms since 1970. */
  readonly expiresAt?: number;
}

/** What a key or an entity gives: the type of its values follows from it. */
export type Source<V> = Loader<V> | Entity<V>;

export interface Cache {
  /**
   * The value of a key. Loads it where it is not cached: by `source`, or by the registered entity of the key. One load
   * runs at a time, across processes. Undefined where there is no such value; a stored null is null.
   *
   * Throws what the loader threw, `E_LOAD_TIMEOUT`, or `E_LOAD_FAILED` where another process shares its failure. Redis
   * being away is no error while there is a loader.
   */
  get<V = unknown>(key: string, source?: Source<V>, options?: CallOptions): Promise<V | undefined>;
  /** The values of many keys; those that have none are left out. Misses are loaded together, by one call of `source`. */
  getMany<V = unknown>(
    keys: readonly string[],
    source?: BulkLoader<V> | Entity<V>,
    options?: CallOptions,
  ): Promise<ReadonlyMap<string, V>>;
  /** The same without loading, in the order asked; null where there is nothing cached. */
  multiGet<V = unknown>(keys: readonly string[]): Promise<{ key: string; value: V | null }[]>;
  /** Stores a value; running loads of the key lose their right to. Throws where Redis is away. */
  set(key: string, value: unknown, options?: WriteOptions): Promise<void>;
  setMany(items: readonly WarmItem[], options?: WriteOptions): Promise<void>;
  /** Stores what is not there yet; answers how many were stored. */
  warm(items: readonly WarmItem[], options?: WriteOptions): Promise<number>;
  /** The same by the story's name. */
  warmCache(items: readonly WarmItem[]): Promise<number>;
  /**
   * Takes a key out of the cache; true where it was there, unless a connection broke and it had to be sent twice. Where
   * Redis is away it throws, and is owed: issued again as soon as Redis is back.
   */
  delete(key: string): Promise<boolean>;
  /** Whether a value is cached, "there is no such row" included. */
  has(key: string): Promise<boolean>;
  /** What is left of the life of an entry, in seconds; undefined where there is none, 0 or less where it is stale. */
  ttl(key: string): Promise<number | undefined>;
  /** Writes to the store of the key's entity, or by `write`, and then to the cache. */
  writeThrough<V>(key: string, value: V, write?: (value: V) => Promise<unknown>, options?: WriteOptions): Promise<void>;
  /**
   * Accepts a write: durable in the journal, then seen in the cache, later in the database. `undefined` deletes.
   * Throws `E_WRITE_REFUSED` (certainly not accepted) or `E_WRITE_UNKNOWN` (may be: repeat it with the same version).
   */
  writeBehind(key: string, value: unknown, options?: WriteBehindOptions): Promise<Version>;
  /** A version to write with, so that a write whose fate is unknown can be repeated as the same one. */
  takeVersion(key: string): Promise<Version>;
  /** Every entry that carries the tag is a miss from now on. O(1). */
  invalidateTag(tag: string): Promise<void>;
  /** Every key under a declared prefix, or of a registered entity, is a miss from now on. O(1). */
  invalidatePrefix(prefix: string): Promise<void>;
  /** Takes away the keys that match a glob of logical keys (`*`, `?`, `[...]`, `\` escapes), by SCAN; answers how many. */
  invalidatePattern(pattern: string): Promise<number>;
  /** The function with its results cached under `memo:{name}:{key}`. */
  memoize<A extends unknown[], R>(
    fn: (...args: A) => Promise<R> | R,
    options: MemoizeOptions<A>,
  ): (...args: A) => Promise<R>;
  /**
   * Loads and stores again, whatever is cached: the refresh job's work. What fails is an outcome; only a key outside the
   * convention throws, `E_KEY`, before anything is loaded.
   */
  refresh(keys: readonly string[], options?: RefreshOptions): Promise<readonly RefreshOutcome[]>;
  /** Sends what is counted, ends what runs on its own. Redis stays open. */
  close(): Promise<void>;
}
