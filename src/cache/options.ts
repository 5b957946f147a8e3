import type { Clock } from '../clock';
import type { Entities } from '../entities/registry';
import type { Logger } from '../logger';
import type { CircuitBreakers } from '../redis/circuit-breaker';
import type { Counters } from '../redis/counters';
import type { RedisHandle } from '../redis/types';
import type { Settings } from '../settings';
import type { Serializer } from './entry/codec';
import { CacheInputError } from './errors';
import type { Demand, Journal } from './ports';
import type { CallOptions } from './types';
import { DEFAULT_HARD_AGE_SECONDS, type Fence } from './write/fence';

/** Options of the whole cache. Those of an entity or a call are in `EntityCacheOptions`. */
export interface CacheOptions {
  /** Prefixes of logical keys that `invalidatePrefix` accepts, besides the names of registered entities. Default: none. */
  readonly prefixes?: readonly string[];
  /** Call options for keys whose entity does not set them. */
  readonly defaults?: CallOptions;
  /**
   * How long a process may use a tag generation after reading it, in ms. After an invalidation by another process, this
   * one may serve invalidated entries for as long. 0 reads the generations with every hit. Default: 1,000.
   */
  readonly epochCacheMs?: number;
  /** How far the clocks of two masters may be apart, in ms. Default: 1,000. */
  readonly skewMarginMs?: number;
  /** Maximum length of a serialized value, in bytes. Default: 1,048,576. */
  readonly maxValueBytes?: number;
  /** Default: JSON. */
  readonly serializer?: Serializer;
  /** How long a read waits for Redis, in ms. Default: 250. */
  readonly deadlineMs?: number;
  /**
   * Minimum lifetime of an entry that was written behind, in seconds. It must not be below the journal's hard age limit.
   * Default: 86,400.
   */
  readonly hardAgeSeconds?: number;
  /**
   * Where a read gets its value while Redis is unavailable:
   * - `load` takes a live local copy, else loads from the source;
   * - `stale` takes a local copy that is live or within its grace;
   * - `local` takes a live local copy;
   * - `fail` takes nothing.
   *
   * Without a value, `stale`, `local` and `fail` reject with `E_REDIS_UNAVAILABLE` or `E_DEADLINE`, which protects the
   * source. A live copy is used however long ago it was made. Strict readers use no copies. Default: `load`.
   */
  readonly whenRedisIsAway?: WhenUnavailable;
  /** Keeps copies of entries in this process. Default: off. */
  readonly local?: LocalOptions;
  /** 0 to 999. Orders writes of two processes in the same microsecond. Default: random. */
  readonly writerId?: number;
}

export type WhenUnavailable = (typeof whenUnavailable)[number];
const whenUnavailable = ['load', 'stale', 'local', 'fail'] as const;

export interface LocalOptions {
  /** Maximum size of all copies, in bytes of serialized entries. */
  readonly maxBytes: number;
  /**
   * How long a copy is served without asking Redis, in ms. If an invalidation message is lost, a copy is stale for at
   * most this long. While Redis is unavailable a copy may be served until its life ends, unless `whenRedisIsAway` is
   * `fail`. Default: 5,000.
   */
  readonly boundMs?: number;
}

export interface CacheDependencies {
  readonly redis: RedisHandle;
  readonly entities: Entities;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Only `writeBehind` needs it. */
  readonly journal?: Journal;
  /** Decides when and where entries are refreshed ahead. Default: in this process, at the refresh point. */
  readonly demand?: Demand;
  /** Receives the cache's metrics. Default: they are not sent. */
  readonly counters?: Counters;
  readonly options?: CacheOptions;
  /** The circuit breakers of `redis`, if the process has them already; `close` ends their probes. Default: its own. */
  readonly breakers?: CircuitBreakers;
  /** The fence that this process shares with the flush of write-behind. Default: its own. */
  readonly fence?: Fence;
}

export const DEFAULTS = {
  prefixes: [] as readonly string[],
  defaults: {} as CallOptions,
  epochCacheMs: 1_000,
  skewMarginMs: 1_000,
  maxValueBytes: 1_048_576,
  deadlineMs: 250,
  hardAgeSeconds: DEFAULT_HARD_AGE_SECONDS,
  whenRedisIsAway: 'load' as WhenUnavailable,
} as const satisfies CacheOptions;

export type CacheSettings = Pick<Settings, Extract<keyof Settings, `CACHE_${string}`> | 'REDIS_DEADLINE_MS'>;

/** The cache options that an app's settings decide. */
export function cacheOptions(settings: CacheSettings): CacheOptions {
  return {
    prefixes: settings.CACHE_PREFIXES,
    epochCacheMs: settings.CACHE_EPOCH_CACHE_MS,
    skewMarginMs: settings.CACHE_SKEW_MARGIN_MS,
    maxValueBytes: settings.CACHE_MAX_VALUE_BYTES,
    deadlineMs: settings.REDIS_DEADLINE_MS,
    whenRedisIsAway: settings.CACHE_WHEN_REDIS_IS_AWAY,
    ...(settings.CACHE_LOCAL_BYTES > 0 && {
      local: { maxBytes: settings.CACHE_LOCAL_BYTES, boundMs: settings.CACHE_LOCAL_BOUND_MS },
    }),
  };
}

/** Throws `E_CACHE_INPUT`. */
export function checkOptions(options: CacheOptions): void {
  for (const name of ['maxValueBytes', 'deadlineMs', 'hardAgeSeconds'] as const) check(options, name, 1);
  for (const name of ['epochCacheMs', 'skewMarginMs'] as const) check(options, name, 0);
  const { writerId, whenRedisIsAway, local } = options;
  if (whenRedisIsAway !== undefined && !whenUnavailable.includes(whenRedisIsAway)) {
    const allowed = whenUnavailable.join(', ');
    throw new CacheInputError(`Expected whenRedisIsAway to be one of ${allowed}, got ${whenRedisIsAway}`);
  }
  if ((whenRedisIsAway === 'local' || whenRedisIsAway === 'stale') && local === undefined) {
    throw new CacheInputError(
      `whenRedisIsAway ${whenRedisIsAway} needs a local layer, since only its copies could answer. Set options.local`,
    );
  }
  if (local !== undefined && !(local.maxBytes >= 1 && (local.boundMs ?? 1) > 0)) {
    throw new CacheInputError('Expected local.maxBytes and local.boundMs to be above 0');
  }
  if (writerId !== undefined && !(Number.isInteger(writerId) && writerId >= 0 && writerId <= 999)) {
    throw new CacheInputError(`Expected writerId to be a whole number from 0 to 999, got ${writerId}`);
  }
}

function check(options: CacheOptions, name: keyof CacheOptions, min: number): void {
  const value = options[name];
  if (value === undefined || (typeof value === 'number' && value >= min && Number.isFinite(value))) return;
  throw new CacheInputError(`Expected ${name} to be a number of ${min} or more, got ${String(value)}`);
}
