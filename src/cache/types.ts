import type { Entity, EntityCacheOptions, LoadContext } from '../entities/define-entity';
import type { Version } from '../entities/version';

/*
 * Terminology
 * - life: from the fill until `ttlSeconds` have passed, less jitter. After it an entry is stale.
 * - grace: the time after its life in which a stale entry may be served, if the source fails or is slow.
 * - createdAt: when the load of an entry began, or when it was written, in server time.
 * - tag generation: when a tag or prefix was last invalidated. Entries created at or before it are misses.
 * - lease: the right to load a key and to store the value. Every write and invalidation of the key ends it.
 * - dirty: written behind, and not known to be in the database yet. Only a newer write or a delete replaces it.
 */

/** Returns the value of a key from its source; undefined if there is none. */
export type Loader<V> = (key: string, context: LoadContext) => Promise<V | undefined> | V | undefined;

/** Returns the values of many keys at once. Keys without a value are left out. */
export type BulkLoader<V> = (
  keys: readonly string[],
  context: LoadContext,
) => Promise<ReadonlyMap<string, V>> | ReadonlyMap<string, V>;

/** Options of one call, over those of the entity. `EntityCacheOptions` documents them. */
export interface CallOptions extends Omit<EntityCacheOptions, 'tags' | 'refreshAhead'> {
  /** Tags of the entries that this call stores, besides the entity's tags. Default: none. */
  readonly tags?: readonly string[];
}

export type WriteOptions = Pick<CallOptions, 'ttlSeconds' | 'jitter' | 'graceSeconds' | 'compressOverBytes' | 'tags'>;

export interface WriteBehindOptions extends WriteOptions {
  /** The version of the write that is repeated after `E_WRITE_UNKNOWN`. Default: a new version. */
  readonly version?: Version;
}

export interface WarmItem {
  readonly key: string;
  readonly value: unknown;
  /** In seconds. Default: the entity's `ttlSeconds`. */
  readonly ttl?: number;
}

export interface MemoizeOptions<A extends unknown[]> extends CallOptions {
  /** Name of the function in the keys of its entries. Unique in the app, without colons. */
  readonly name: string;
  /** Returns the part of the key that differs between calls. Default: a stable hash of the arguments. */
  readonly key?: (...args: A) => string;
}

export type RefreshResult = 'refreshed' | 'gone' | 'superseded' | 'failed' | 'unknown-entity';

export interface RefreshOptions {
  /**
   * For each key, the end of life of the entry to replace, in ms since 1970. If there is another entry by now, or none,
   * nothing is loaded and the outcome is `superseded`. Default: any entry is replaced.
   */
  readonly replaces?: ReadonlyMap<string, number>;
}

export interface RefreshOutcome {
  readonly key: string;
  /**
   * - `refreshed`: loaded and stored.
   * - `gone`: the source has no value for the key.
   * - `superseded`: a write, a delete or another load was first, or the entry is dirty.
   * - `failed`: the load failed, or Redis did not store the value.
   * - `unknown-entity`: nothing can load the key.
   */
  readonly outcome: RefreshResult;
  /** End of the new entry's life, in ms since 1970. Only with `refreshed`, and with `gone` if that was stored. */
  readonly expiresAt?: number;
}

/** Where the value of a key comes from. The type of the value follows from it. */
export type Source<V> = Loader<V> | Entity<V>;

export interface Cache {
  /**
   * Returns the value of a key: undefined if there is none, null if the value is null. Loads it if it is not cached, by
   * `source` or else by the registered entity of the key. Only one process loads a key at a time; the others wait.
   *
   * Throws the error of the loader, `E_LOAD_TIMEOUT`, or `E_LOAD_FAILED` if another process shares its failure; `E_KEY`
   * or `E_CACHE_INPUT` for bad input. If Redis is unavailable it loads from the source, so it throws `E_DEADLINE` or
   * `E_REDIS_UNAVAILABLE` only if there is no source, or if `whenRedisIsAway` forbids loading.
   */
  get<V = unknown>(key: string, source?: Source<V>, options?: CallOptions): Promise<V | undefined>;
  /** The values of many keys, without those that have none. One call of `source` loads all misses. Throws as `get` does. */
  getMany<V = unknown>(
    keys: readonly string[],
    source?: BulkLoader<V> | Entity<V>,
    options?: CallOptions,
  ): Promise<ReadonlyMap<string, V>>;
  /**
   * The cached values in the order of `keys`; null if nothing is cached. Loads nothing. Throws `E_DEADLINE` or
   * `E_REDIS_UNAVAILABLE`.
   */
  multiGet<V = unknown>(keys: readonly string[]): Promise<{ key: string; value: V | null }[]>;
  /**
   * Stores a value. Running loads of the key can no longer store theirs. Throws `E_DEADLINE` or `E_REDIS_UNAVAILABLE` if
   * Redis did not take it; then the old entry is deleted once Redis takes that. Also throws `E_SERIALIZE`,
   * `E_VALUE_TOO_LARGE`, and `E_FOREIGN_ENTRY` if the key holds a value that this library did not write.
   */
  set(key: string, value: unknown, options?: WriteOptions): Promise<void>;
  /** `set` for each item. Throws the first error; the other items may be stored or not. */
  setMany(items: readonly WarmItem[], options?: WriteOptions): Promise<void>;
  /** Stores the items that have no live entry. Returns how many were stored. */
  warm(items: readonly WarmItem[], options?: WriteOptions): Promise<number>;
  /** `warm` without options. */
  warmCache(items: readonly WarmItem[]): Promise<number>;
  /**
   * Deletes a key from the cache. Returns whether there was an entry; it may be false after a connection broke and the
   * command was sent twice. Throws `E_DEADLINE` or `E_REDIS_UNAVAILABLE` if Redis did not take it. The deletion is then
   * pending: this process sends it again as soon as Redis is back.
   */
  delete(key: string): Promise<boolean>;
  /** Whether the key has a live entry; "there is no such value" counts. Loads nothing. Throws as `multiGet` does. */
  has(key: string): Promise<boolean>;
  /** The rest of an entry's life, in seconds: 0 or less if it is stale, undefined if there is no entry. */
  ttl(key: string): Promise<number | undefined>;
  /**
   * Writes to the store of the key's entity, or by `write`, and then updates the cache. Resolves once the store has it,
   * even if Redis is unavailable then; the cache follows when Redis is back. Throws the error of the store or of `write`,
   * and `E_VERSION_UNAVAILABLE` if Redis is unavailable and its time is not known.
   */
  writeThrough<V>(key: string, value: V, write?: (value: V) => Promise<unknown>, options?: WriteOptions): Promise<void>;
  /**
   * Accepts a write: first it is durable in the journal, then visible in the cache, later saved in the database. The
   * value `undefined` deletes. Returns the version of the write.
   *
   * Throws `E_WRITE_REFUSED` if the write was certainly not accepted, and `E_WRITE_UNKNOWN` if it may have been: repeat
   * it with the same version. Throws `E_VERSION_UNAVAILABLE` if Redis is unavailable and its time is not known.
   */
  writeBehind(key: string, value: unknown, options?: WriteBehindOptions): Promise<Version>;
  /** A version for `writeBehind`, so that a write with an unknown outcome can be repeated as the same write. */
  takeVersion(key: string): Promise<Version>;
  /**
   * Invalidates every entry with the tag. Takes O(1) time: the entries are misses from now on, and a sweep deletes them.
   * If it throws because Redis is unavailable, it is pending, and sent again when Redis is back.
   */
  invalidateTag(tag: string): Promise<void>;
  /** Invalidates every key with a declared prefix, or of a registered entity, as `invalidateTag` does. */
  invalidatePrefix(prefix: string): Promise<void>;
  /**
   * Deletes the keys that match a glob of logical keys (`*`, `?`, `[...]`; `\` escapes). Scans the whole key space, so it
   * is slow: prefer tags and prefixes. Returns how many entries were deleted.
   */
  invalidatePattern(pattern: string): Promise<number>;
  /** Returns the function with its results cached under `memo:{name}:{key}`. Throws `E_CACHE_INPUT` if the name is taken. */
  memoize<A extends unknown[], R>(
    fn: (...args: A) => Promise<R> | R,
    options: MemoizeOptions<A>,
  ): (...args: A) => Promise<R>;
  /**
   * Loads keys and stores them again, although they are cached. The refresh job calls it. Throws `E_KEY`, before anything
   * is loaded, if a key is invalid. Every other failure is an outcome.
   */
  refresh(keys: readonly string[], options?: RefreshOptions): Promise<readonly RefreshOutcome[]>;
  /** Sends the counters and ends all timers. Redis stays open. */
  close(): Promise<void>;
}
