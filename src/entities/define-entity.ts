import { StewardError } from '../errors';
import type { EntityStore, StoredRow } from './entity-store';

export class EntityError extends StewardError {
  readonly code = 'E_ENTITY';
}

/** What a loader is told besides the key. */
export interface LoadContext {
  /** Aborted at the hard time-out: what comes later is thrown away. */
  readonly signal: AbortSignal;
}

export const DEFAULT_REFRESH_FRACTION = 0.8;

/** When and how entries of an entity are refreshed ahead of their expiry. */
export interface RefreshAheadOptions {
  /** Part of an entry's life after which a read asks for a refresh. Between 0 and 1. Default: 0.8. */
  readonly fraction?: number;
  /** Refreshes of this entity that run at once in one process. Default: 8. */
  readonly concurrency?: number;
  /** An entry is not kept alive by refreshes beyond this, in seconds. Default: 86,400 (a day). */
  readonly maxLifetimeSeconds?: number;
}

/** How entries of an entity are cached. Every option is documented here and only here. */
export interface EntityCacheOptions {
  /** Life of an entry, in seconds. Default: 3,600. */
  readonly ttlSeconds?: number;
  /** Part of the life that is taken off at random, so that entries filled together do not expire together. Default: 0.05. */
  readonly jitter?: number;
  /** How long past its life an entry may still be served when the source fails or Redis is away, in seconds. Default: 0. */
  readonly graceSeconds?: number;
  /** How long "there is no such row" is remembered, in seconds; 0 remembers nothing. Default: 0. */
  readonly negativeTtlSeconds?: number;
  /** How long a loader's failure is shared across processes, in milliseconds, jittered; 0 shares nothing. Default: 0. */
  readonly errorTtlMs?: number;
  /** After this a waiter gets the stale value if there is one within its grace, in milliseconds. Default: 1,000. */
  readonly softTimeoutMs?: number;
  /** After this the load is given up, in milliseconds. Its lease lives this long and a margin. Default: 10,000. */
  readonly hardTimeoutMs?: number;
  /** Values longer than this are compressed, in bytes of JSON. Default: 8,192. */
  readonly compressOverBytes?: number;
  /** Tags of a key: `invalidateTag` makes all entries that carry one a miss. Default: none. */
  readonly tags?: (key: string) => readonly string[];
  /** Read tag and prefix epochs on every hit instead of once a second. Default: false. */
  readonly strict?: boolean;
  /** Refresh ahead of expiry, out of process. Default: off. */
  readonly refreshAhead?: RefreshAheadOptions | false;
}

/** `load` and `loadMany` answer undefined, or leave the key out, where there is no such row. */
export interface EntityLoaders<V> {
  readonly load?: (key: string, context: LoadContext) => Promise<V | undefined>;
  readonly loadMany?: (keys: readonly string[], context: LoadContext) => Promise<ReadonlyMap<string, V>>;
}

/** An entity that is only read. */
export interface ReadEntity<V> extends EntityCacheOptions, EntityLoaders<V> {
  /** `namespace:entity`, the first two parts of its keys. */
  readonly name: string;
  readonly store?: undefined;
}

/**
 * An entity with a saver: it can be written through and behind, and its loads carry the version of the row, since a
 * value without one could not be ordered against the writes under way.
 */
export interface StoredEntity<V> extends EntityCacheOptions {
  /** `namespace:entity`, the first two parts of its keys. */
  readonly name: string;
  readonly store: EntityStore<V>;
}

export type Entity<V = unknown> = ReadEntity<V> | StoredEntity<V>;

/** What a load of a stored entity gives: the value with its version, a tombstone, or undefined for no row. */
export type VersionedLoad<V> = StoredRow<V> | undefined;

/**
 * Declares an entity: checks it, and lets the types of `cache.get` follow from it. Throws `E_ENTITY`.
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
