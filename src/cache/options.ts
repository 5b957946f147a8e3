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
import type { Fence } from './write/fence';

/** Of the whole cache; those of an entity or a call stand with `EntityCacheOptions`. */
export interface CacheOptions {
  /** Beginnings of logical keys that `invalidatePrefix` takes, besides the registered entities. Default: none. */
  readonly prefixes?: readonly string[];
  /** For keys whose entity says nothing else. */
  readonly defaults?: CallOptions;
  /** How long an epoch once read is believed: other processes may serve invalidated entries for this long, in ms. Default: 1,000. */
  readonly epochCacheMs?: number;
  /** How far the clocks of two masters may be apart, in ms. Default: 1,000. */
  readonly skewMarginMs?: number;
  /** Longest serialized value, in bytes. Default: 1,048,576. */
  readonly maxValueBytes?: number;
  /** Default: JSON. */
  readonly serializer?: Serializer;
  /** How long a read waits for Redis, in ms. Default: 250. */
  readonly deadlineMs?: number;
  /** How long a written-behind entry stays in the cache at least, in seconds: the journal's hard age limit. Default: 86,400. */
  readonly hardAgeSeconds?: number;
  /**
   * What a read may use that Redis did not answer. All but `fail` first take a live local copy, whatever its bound;
   * `stale` takes one within its grace as well; `load` then asks the source. The others reject with
   * `E_REDIS_UNAVAILABLE` or `E_DEADLINE` where they have no answer, and so spare the source. Strict readers take no
   * copy. Default: `load`.
   */
  readonly whenRedisIsAway?: WhenAway;
  /** Copies of entries in this process. Default: off. */
  readonly local?: LocalOptions;
  /** 0 to 999, breaks ties between writers of one microsecond. Default: random. */
  readonly writerId?: number;
}

export type WhenAway = (typeof whenAway)[number];
export const whenAway = ['load', 'stale', 'local', 'fail'] as const;

export interface LocalOptions {
  /** Bytes of serialized entries to keep at most. */
  readonly maxBytes: number;
  /**
   * A copy is believed for this long, in ms: what a missed message may cost in staleness while Redis answers. Default:
   * 5,000. While Redis is away a copy may answer for the rest of its life, unless `whenRedisIsAway` is `fail`.
   */
  readonly boundMs?: number;
}

export interface CacheDependencies {
  readonly redis: RedisHandle;
  readonly entities: Entities;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Needed by `writeBehind` only. */
  readonly journal?: Journal;
  /** Takes what refresh-ahead asks for. Default: entries are refreshed in this process. */
  readonly demand?: Demand;
  /** Takes the cache's figures. Default: they go nowhere. */
  readonly counters?: Counters;
  readonly options?: CacheOptions;
  /** The breakers of `redis`, if the process has them already; `close` ends their probes. Default: its own. */
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
  hardAgeSeconds: 86_400,
  whenRedisIsAway: 'load' as WhenAway,
} as const satisfies CacheOptions;

export type CacheSettings = Pick<Settings, Extract<keyof Settings, `CACHE_${string}`> | 'REDIS_DEADLINE_MS'>;

/** The options that are settings of an app. */
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
  if (whenRedisIsAway !== undefined && !whenAway.includes(whenRedisIsAway)) {
    throw new CacheInputError(`Expected whenRedisIsAway to be one of ${whenAway.join(', ')}, got ${whenRedisIsAway}`);
  }
  if ((whenRedisIsAway === 'local' || whenRedisIsAway === 'stale') && local === undefined) {
    throw new CacheInputError(
      `Expected a local layer with whenRedisIsAway ${whenRedisIsAway}: it is what would answer`,
    );
  }
  if (local !== undefined && !(local.maxBytes >= 1 && (local.boundMs ?? 1) > 0)) {
    throw new CacheInputError('Expected local.maxBytes and local.boundMs to be above 0');
  }
  if (writerId !== undefined && !(Number.isInteger(writerId) && writerId >= 0 && writerId <= 999)) {
    throw new CacheInputError(`Expected writerId to be a whole number from 0 to 999, got ${writerId}`);
  }
}

function check(options: CacheOptions, name: keyof CacheOptions, least: number): void {
  const value = options[name];
  if (value === undefined || (typeof value === 'number' && value >= least && Number.isFinite(value))) return;
  throw new CacheInputError(`Expected ${name} to be a number of ${least} or more, got ${String(value)}`);
}
