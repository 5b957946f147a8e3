import { CircuitBreakers, guarded } from '../redis/circuit-breaker';
import { ReadBatcher } from '../redis/read-batcher';
import { Codec, jsonSerializer } from './entry/codec';
import { encodeTag } from './entry/entry-format';
import { CacheInputError } from './errors';
import { dropPattern } from './invalidate/drop-keys';
import { Owed } from './invalidate/pending-invalidations';
import { Epochs } from './invalidate/tag-generations';
import { checkTag, MEMO_PREFIX, Plans } from './key-policy';
import { Flights } from './load/in-flight-loads';
import { Leases } from './load/leases';
import { Loads } from './load/load-runner';
import { Misses } from './load/misses';
import { Bus } from './local/invalidation-channel';
import { Local } from './local/local-layer';
import { type CacheDependencies, checkOptions, DEFAULTS } from './options';
import { Reads } from './read/many-keys';
import { ServerTime } from './server-time';
import { stableHash } from './stable-hash';
import { Telemetry } from './telemetry';
import type { Cache, WarmItem, WriteOptions } from './types';
import { createFence } from './write/fence';
import { Writes } from './write/write-service';

const AT_ONCE = 100;

/** The cache of one process. Nothing connects before the first use; `close` ends its timers, not Redis. */
export function createCache(dependencies: CacheDependencies): Cache {
  const { entities, logger, clock, journal, demand, counters } = dependencies;
  const given = dependencies.options ?? {};
  checkOptions(given);
  const options = { ...DEFAULTS, ...given };
  const { skewMarginMs, epochCacheMs, maxValueBytes, prefixes, defaults, hardAgeSeconds } = options;

  const { deadlineMs } = options;
  const { breakers = new CircuitBreakers({ redis: dependencies.redis, store: 'cache', logger, deadlineMs }) } =
    dependencies;
  const redis = guarded(dependencies.redis, breakers);
  const telemetry = new Telemetry(counters, () => breakers.isOpen);
  telemetry.observe();
  const get = (key: string) =>
    breakers.ofKey(key).run(() => redis.within(redis.client('cache').get(key), { deadlineMs }));
  const epochs = new Epochs({ redis, get, clock, cacheMs: epochCacheMs, skewMarginMs });
  const plans = new Plans({ entities, epochs, telemetry, prefixes, defaults });
  const writerId = given.writerId === undefined ? {} : { writerId: given.writerId };
  const { fence = createFence({ redis, logger, clock, ...writerId }) } = dependencies;
  const { versions } = fence;
  const codec = new Codec({ serializer: given.serializer ?? jsonSerializer, maxValueBytes });
  const flights = new Flights();
  const time = new ServerTime(redis, clock);
  const local = given.local && new Local(given.local, epochs, time, clock);
  const bus =
    local &&
    new Bus(
      redis,
      logger,
      ({ key }) => local.forget(key),
      (listening) => local.setTold(listening),
    );

  /** One key, or all of them, must be read anew from now on. */
  function changing(key?: string): void {
    flights.forget(key);
    local?.forget(key);
  }
  function changed(key?: string): void {
    changing(key);
    bus?.tell(key === undefined ? {} : { key });
  }

  const owed = new Owed({ redis, clock, logger, isAway: () => breakers.isOpen });
  const leases = new Leases({ redis, logger, owed, epochs, flights, versions });
  const loads = new Loads({ logger, codec, flights, leases, deadlineMs });
  const misses = new Misses({
    logger,
    epochs,
    flights,
    leases,
    loads,
    codec,
    time,
    now: () => clock.now(),
    deadlineMs,
  });
  const refreshing = new Set<string>();
  const reads: Reads = new Reads({
    plans,
    misses,
    reader: new ReadBatcher({
      redis,
      store: 'cache',
      breakers,
      deadlineMs,
      clock,
      schedule: process.nextTick,
      repair: (key) => (owed.isBehind(key) ? owed.payFor(key) : undefined),
    }),
    lookup: { epochs, codec, time, logger, local, onRead, deadlineMs },
    whenRedisIsAway: options.whenRedisIsAway,
  });
  const writes = new Writes({
    redis,
    plans,
    epochs,
    changing,
    changed,
    versions,
    codec,
    owed,
    fence,
    journal,
    hardAgeSeconds,
    clock,
  });

  /** Copies are made once messages arrive. */
  function reading(): Reads {
    bus?.listen();
    return reads;
  }

  /** A reader is waiting: nothing here may throw or take long. */
  function onRead(key: string, fraction: number, stampMs: number, expiresMs: number): void {
    const dueAt = stampMs + (expiresMs - stampMs) * fraction;
    if (time.now() < dueAt) {
      demand?.read(key, dueAt, expiresMs);
      return;
    }
    if (demand !== undefined) {
      demand.refreshNeeded(key, expiresMs);
      return;
    }
    if (refreshing.has(key)) return;
    refreshing.add(key);
    void reads
      .refresh([key])
      .catch(() => {})
      .finally(() => refreshing.delete(key));
  }

  /** Many writes, some at a time: a long list must not fill the connection's queue. */
  async function eachOf(
    items: readonly WarmItem[],
    options: WriteOptions,
    condition: 'any' | 'absent',
  ): Promise<number> {
    let stored = 0;
    for (let from = 0; from < items.length; from += AT_ONCE) {
      const results = await Promise.all(
        items.slice(from, from + AT_ONCE).map(({ key, value, ttl }) => {
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
    get: (key, source, callOptions) => reading().get(key, source, callOptions),
    getMany: (keys, source, callOptions) => reading().getMany(keys, source, callOptions),
    multiGet: (keys) => reading().multiGet(keys),
    has: (key) => reading().has(key),
    ttl: (key) => reads.ttl(key),
    refresh: (keys, refreshOptions) => reads.refresh(keys, refreshOptions),
    set: (key, value, writeOptions) => writes.set(key, value, writeOptions),
    async setMany(items, writeOptions = {}) {
      await eachOf(items, writeOptions, 'any');
    },
    async warm(items, writeOptions = {}) {
      return eachOf(items, writeOptions, 'absent');
    },
    warmCache: (items) => cache.warm(items),
    delete: async (key) => writes.delete(key),
    writeThrough: (key, value, write, writeOptions) => writes.writeThrough(key, value, write, writeOptions),
    writeBehind: (key, value, writeOptions) => writes.writeBehind(key, value, writeOptions),
    takeVersion: (key) => versions.take(key),

    async invalidateTag(tag) {
      checkTag(tag);
      changing();
      // A tag that was forgotten meanwhile is bumped as a new one would be.
      const epoch = () => epochs.ofTag(encodeTag(tag));
      await owed.incur(`:tag:${tag}`, epoch().key, () => epochs.bump(epoch()));
      changed();
    },

    async invalidatePrefix(prefix) {
      const epoch = plans.epochOfPrefix(prefix);
      if (epoch === undefined) {
        throw new CacheInputError(
          `Expected a registered entity or a declared prefix, got ${JSON.stringify(prefix)}; declare it in options.prefixes or use invalidatePattern`,
        );
      }
      changing();
      await owed.incur(`:prefix:${prefix}`, epoch.key, () => epochs.bump(epoch));
      changed();
    },

    async invalidatePattern(pattern) {
      changing();
      const issued = versions.now();
      const dropped = await owed.incur(
        `:pattern:${pattern}`,
        undefined,
        () => dropPattern(redis, pattern),
        () => dropPattern(redis, pattern, issued),
      );
      changed();
      return dropped;
    },

    memoize(fn, { name, key: keyOf, ...callOptions }) {
      if (typeof name !== 'string' || name === '' || name.includes(':')) {
        throw new CacheInputError('Expected the name of a memoized function to be a text without colons');
      }
      plans.addMemo(name, callOptions);
      return async (...args) => {
        const part = keyOf ? keyOf(...args) : stableHash(args);
        const found = await cache.get(`${MEMO_PREFIX}${name}:${part}`, async () => fn(...args));
        return found as Awaited<ReturnType<typeof fn>>;
      };
    },

    async close() {
      owed.close();
      breakers.close();
      bus?.close();
      await telemetry.close();
    },
  };
  return cache;
}
