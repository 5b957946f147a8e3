import { StewardError } from '../errors';
import type { EntityStore } from './entity-store';

export class EntityError extends StewardError {
  readonly code = 'E_ENTITY';
}

/** What a loader gets besides the key. */
export interface LoadContext {
  /** Aborted at the hard time-out. A value that arrives later is ignored. */
  readonly signal: AbortSignal;
}

export const DEFAULT_REFRESH_FRACTION = 0.8;

/** When and how entries of an entity are refreshed ahead of their expiry. */
export interface RefreshAheadOptions {
  /** The refresh point: the part of an entry's life after which a read asks for a refresh. Between 0 and 1. Default: 0.8. */
  readonly fraction?: number;
  /** Concurrent refreshes of this entity in one process. Default: 8. */
  readonly concurrency?: number;
  /** Maximum time that refreshes keep an entry alive, in seconds. Default: 86,400 (a day). */
  readonly maxLifetimeSeconds?: number;
}

/** How entries of an entity are cached. This is the only documentation of these options. */
export interface EntityCacheOptions {
  /** Life of an entry, in seconds. Default: 3,600. */
  readonly ttlSeconds?: number;
  /** Maximum part of the life to subtract at random, so that entries filled together expire apart. 0 to below 1. Default: 0.05. */
  readonly jitter?: number;
  /** How long after its life an entry may be served if the source fails or Redis is unavailable, in seconds. Default: 0. */
  readonly graceSeconds?: number;
  /** How long "there is no such value" is cached, in seconds; 0 does not cache it. Default: 0. */
  readonly negativeTtlSeconds?: number;
  /** How long a loader's failure is shared with other processes, in ms, with jitter; 0 shares nothing. Default: 0. */
  readonly errorTtlMs?: number;
  /** After this, in ms, a caller gets the stale value if there is one within its grace. Default: 1,000. */
  readonly softTimeoutMs?: number;
  /** After this, in ms, a load is aborted and its callers get `E_LOAD_TIMEOUT`. Default: 10,000. */
  readonly hardTimeoutMs?: number;
  /** Values longer than this when serialized are compressed, in bytes. Default: 8,192. */
  readonly compressOverBytes?: number;
  /** Returns the tags of a key. `invalidateTag` invalidates all entries with a tag. Default: none. */
  readonly tags?: (key: string) => readonly string[];
  /** Reads the tag generations with every hit, instead of once a second. Default: false. */
  readonly strict?: boolean;
  /** Refreshes entries ahead of their expiry. Default: off. */
  readonly refreshAhead?: RefreshAheadOptions | false;
}

/** Without a value, `load` returns undefined and `loadMany` leaves the key out. */
export interface EntityLoaders<V> {
  readonly load?: (key: string, context: LoadContext) => Promise<V | undefined>;
  readonly loadMany?: (keys: readonly string[], context: LoadContext) => Promise<ReadonlyMap<string, V>>;
}

/** An entity without a store: values are loaded, and written only to the cache. */
export interface ReadEntity<V> extends EntityCacheOptions, EntityLoaders<V> {
  /** `namespace:entity`, the first two parts of its keys. */
  readonly name: string;
  readonly store?: undefined;
}

/**
 * An entity with a store: it can be written through and behind. Its loads carry the version of the row, because a value
 * without one could not be ordered against running writes.
 */
export interface StoredEntity<V> extends EntityCacheOptions {
  /** `namespace:entity`, the first two parts of its keys. */
  readonly name: string;
  readonly store: EntityStore<V>;
}

export type Entity<V = unknown> = ReadEntity<V> | StoredEntity<V>;

/**
 * Declares an entity: checks its options, and gives `cache.get` the type of its values. Throws `E_ENTITY`.
 *
 * @example
 * const profile = defineEntity({ name: 'user:profile', ttlSeconds: 600, store: postgresStore<Profile>({ pool }) });
 */
export function defineEntity<V>(entity: StoredEntity<V>): StoredEntity<V>;
export function defineEntity<V>(entity: ReadEntity<V>): ReadEntity<V>;
export function defineEntity<V>(entity: Entity<V>): Entity<V> {
  const parts = entity.name.split(':');
  if (parts.length !== 2 || parts.some((part) => part === '' || /[*?[\]\\{}%\s]/.test(part))) {
    throw new EntityError(
      `Expected the name of an entity to be namespace:entity without glob characters, got ${JSON.stringify(entity.name)}`,
    );
  }
  const { jitter = 0, refreshAhead } = entity;
  if (jitter < 0 || jitter >= 1)
    throw new EntityError(`Expected jitter of ${entity.name} from 0 to below 1, got ${jitter}`);
  const { fraction = DEFAULT_REFRESH_FRACTION } = refreshAhead || {};
  if (fraction <= 0 || fraction >= 1) {
    throw new EntityError(`Expected refreshAhead.fraction of ${entity.name} between 0 and 1, got ${fraction}`);
  }
  for (const name of ['ttlSeconds', 'softTimeoutMs', 'hardTimeoutMs', 'compressOverBytes'] as const) {
    const value = entity[name];
    if (value !== undefined && !(value > 0)) {
      throw new EntityError(`Expected ${name} of ${entity.name} to be above 0, got ${value}`);
    }
  }
  for (const name of ['graceSeconds', 'negativeTtlSeconds', 'errorTtlMs'] as const) {
    const value = entity[name];
    if (value !== undefined && !(value >= 0)) {
      throw new EntityError(`Expected ${name} of ${entity.name} to be 0 or more, got ${value}`);
    }
  }
  return entity;
}
