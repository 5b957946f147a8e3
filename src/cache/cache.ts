import { containedCounters, containedLogger, ignoreRejection } from '../contained';
import { CircuitBreakers, guarded } from '../redis/circuit-breaker';
import { ReadBatcher } from '../redis/reads/read-batcher';
import { Codec, jsonSerializer } from './entry/codec';
import { encodeTag } from './entry/entry-format';
import { CacheInputError } from './errors';
import { dropPattern } from './invalidate/drop-keys';
import { PendingInvalidations } from './invalidate/pending-invalidations';
import { TagGenerations } from './invalidate/tag-generations';
import { checkTag, KeyPolicies, MEMO_PREFIX } from './key-policy';
import { InFlightLoads } from './load/in-flight-loads';
import { Leases } from './load/leases';
import { LoadRunner } from './load/load-runner';
import { Misses } from './load/misses';
import { RefreshTrigger, refreshInProcess, refreshKeys } from './load/refresh';
import { InvalidationChannel } from './local/invalidation-channel';
import { LocalLayer } from './local/local-layer';
import { type CacheDependencies, checkOptions, DEFAULTS } from './options';
import type { ReadContext } from './read/entry-read';
import { getMany, hasKey, multiGet } from './read/many-keys';
import { getOne, ttlOf } from './read/one-key';
import { ServerTime } from './server-time';
import { stableHash } from './stable-hash';
import { Telemetry } from './telemetry';
import type { Cache, WarmItem, WriteOptions } from './types';
import { createFence } from './write/fence';
import { LostSettles } from './write/lost-settles';
import { WriteService } from './write/write-service';

/** Concurrent writes of one `setMany` or `warm`: more would fill the queue of the connection. */
const CONCURRENT_WRITES = 100;

/** The cache of one process. Nothing connects before the first use. `close` ends its timers; Redis stays open. */
export function createCache(dependencies: CacheDependencies): Cache {
  const { entities, clock, journal, demand = refreshInProcess() } = dependencies;
  const logger = containedLogger(dependencies.logger);
  const counters = dependencies.counters && containedCounters(dependencies.counters);
  const given = dependencies.options ?? {};
  checkOptions(given);
  const options = { ...DEFAULTS, ...given };
  const { skewMarginMs, epochCacheMs, maxValueBytes, prefixes, defaults, hardAgeSeconds, deadlineMs } = options;

  const { breakers = new CircuitBreakers({ redis: dependencies.redis, store: 'cache', logger, deadlineMs }) } =
    dependencies;
  const redis = guarded(dependencies.redis, breakers);
  const telemetry = new Telemetry(counters, () => breakers.isOpen);
  telemetry.observe();
  const get = (key: string) =>
    breakers.ofKey(key).run(() => redis.within(redis.client('cache').get(key), { deadlineMs }));
  const generations = new TagGenerations({ redis, get, clock, cacheMs: epochCacheMs, skewMarginMs });
  const keyPolicies = new KeyPolicies({ entities, generations, telemetry, prefixes, defaults });
  const writerId = given.writerId === undefined ? {} : { writerId: given.writerId };
  const { fence = createFence({ redis, logger, clock, ...writerId }) } = dependencies;
  const { versions } = fence;
  const codec = new Codec({ serializer: given.serializer ?? jsonSerializer, maxValueBytes });
  const time = new ServerTime(redis, clock);
  const local = given.local && new LocalLayer(given.local, generations, time, clock);
  const channel =
    local &&
    new InvalidationChannel(
      redis,
      logger,
      (key) => local.forget(key),
      (isListening) => local.setListening(isListening),
    );

  const pending = new PendingInvalidations({ redis, clock, logger, isUnavailable: () => breakers.isOpen });
  const batcher = new ReadBatcher({
    redis,
    store: 'cache',
    breakers,
    deadlineMs,
    clock,
    schedule: process.nextTick,
    repair: (key) => pending.repair(key),
  });
  const inFlightLoads = new InFlightLoads();
  const leases = new Leases({ redis, logger, pending, generations, inFlightLoads, versions });
  const loadRunner = new LoadRunner({ logger, codec, inFlightLoads, leases, deadlineMs });
  const misses = new Misses({ logger, generations, inFlightLoads, leases, loadRunner, codec, time, clock, deadlineMs });
  const refresh: Cache['refresh'] = (keys, refreshOptions) =>
    refreshKeys({ batcher, keyPolicies, misses, generations }, keys, refreshOptions);
  const lostSettles = new LostSettles({ redis, keyPolicies, time, logger });
  const context: ReadContext = {
    batcher,
    keyPolicies,
    misses,
    refreshTrigger: new RefreshTrigger(demand, refresh, time),
    lostSettles,
    local,
    generations,
    codec,
    time,
    logger,
    deadlineMs,
    whenUnavailable: options.whenRedisIsAway,
  };
  const writes = new WriteService({
    redis,
    keyPolicies,
    generations,
    changing,
    changed,
    versions,
    codec,
    pending,
    fence,
    journal,
    hardAgeSeconds,
    clock,
  });

  /** Before a change of a key, or of any key: from now on nothing read before may be joined or copied. */
  function changing(key?: string): void {
    inFlightLoads.forget(key);
    local?.forget(key);
  }

  function changed(key?: string): void {
    changing(key);
    channel?.publish(key);
  }

  /** The context of a read that may leave local copies: those need the invalidation subscription. */
  function reading(): ReadContext {
    channel?.listen();
    return context;
  }

  async function writeEach(items: readonly WarmItem[], options: WriteOptions, condition: 'any' | 'absent') {
    let stored = 0;
    for (let from = 0; from < items.length; from += CONCURRENT_WRITES) {
      const results = await Promise.all(
        items.slice(from, from + CONCURRENT_WRITES).map(({ key, value, ttl }) => {
          const own = ttl === undefined ? options : { ...options, ttlSeconds: ttl };
          return condition === 'any'
            ? writes.set(key, value, own).then(() => true)
            : writes.put(key, value, own, 'absent');
        }),
      );
      stored += results.filter(Boolean).length;
    }
    return stored;
  }

  const cache: Cache = {
    get: (key, source, callOptions) => getOne(reading(), key, source, callOptions),
    getMany: (keys, source, callOptions) => getMany(reading(), keys, source, callOptions),
    multiGet: (keys) => multiGet(reading(), keys),
    has: (key) => hasKey(reading(), key),
    ttl: (key) => ttlOf(context, key),
    refresh,
    set: (key, value, writeOptions) => writes.set(key, value, writeOptions),
    async setMany(items, writeOptions = {}) {
      await writeEach(items, writeOptions, 'any');
    },
    warm: (items, writeOptions = {}) => writeEach(items, writeOptions, 'absent'),
    warmCache: (items) => cache.warm(items),
    delete: async (key) => writes.delete(key),
    writeThrough: (key, value, write, writeOptions) => writes.writeThrough(key, value, write, writeOptions),
    writeBehind: (key, value, writeOptions) => writes.writeBehind(key, value, writeOptions),
    takeVersion: (key) => versions.take(key),

    async invalidateTag(tag) {
      checkTag(tag);
      changing();
      // Looked up again for a retry, since the tag may have been dropped from memory in the meantime.
      const generation = () => generations.ofTag(encodeTag(tag));
      await pending.track(`:tag:${tag}`, generation().key, () => generations.advance(generation()));
      changed();
    },

    async invalidatePrefix(prefix) {
      const generation = keyPolicies.generationOfPrefix(prefix);
      if (generation === undefined) {
        throw new CacheInputError(
          `${JSON.stringify(prefix)} is neither a registered entity nor a declared prefix. Declare it in options.prefixes, or use invalidatePattern`,
        );
      }
      changing();
      await pending.track(`:prefix:${prefix}`, generation.key, () => generations.advance(generation));
      changed();
    },

    async invalidatePattern(pattern) {
      changing();
      const issued = versions.now();
      const isStored = (key: string) => keyPolicies.isStored(key);
      const dropped = await pending.track(
        `:pattern:${pattern}`,
        undefined,
        () => dropPattern(redis, pattern, isStored),
        () => dropPattern(redis, pattern, isStored, issued),
      );
      changed();
      return dropped;
    },

    memoize(fn, { name, key: keyOf, ...callOptions }) {
      if (typeof name !== 'string' || name === '' || name.includes(':')) {
        throw new CacheInputError('Expected the name of a memoized function to be a text without colons');
      }
      keyPolicies.addMemo(name, callOptions);
      return async (...args) => {
        const part = keyOf ? textOf(keyOf(...args)) : stableHash(args);
        const found = await cache.get(`${MEMO_PREFIX}${name}:${part}`, async () => fn(...args));
        return found as Awaited<ReturnType<typeof fn>>;
      };
    },

    async close() {
      pending.close();
      lostSettles.close();
      breakers.close();
      channel?.close();
      await leases.close();
      await telemetry.close();
    },
  };
  return cache;
}

/** The part of a key that a memoized function's `key` returned. Throws `E_CACHE_INPUT`. */
function textOf(part: unknown): string {
  if (typeof part === 'string') return part;
  ignoreRejection(part);
  throw new CacheInputError(`Expected the key of a memoized function to be a text, got ${typeof part}`);
}
