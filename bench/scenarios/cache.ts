import { Cluster, Redis } from 'ioredis';
import { signedIn } from '../../local/servers';
import { bentocachePeer, cacheManagerPeer, cachifiedPeer, type Peer } from '../cache/peers';
import { benchCluster, benchRedis, ours } from '../cache/servers';
import { type Contender, compare } from '../cache/throughput';
import { atLeast, atMost, type BenchResult, type Scenario } from '../types';

const KEYS = 5_000;
const CALLERS = 64;
const BATCH = 32;

const value = {
  id: 123,
  name: 'Ada Lovelace',
  email: 'ada@example.com',
  roles: ['reader', 'writer'],
  active: true,
  score: 0.5,
};

/** The barest batcher there is: an MGET a tick, no deadline, no breaker, no checks. */
function bareBatcher(client: Redis): Contender['hit'] {
  let waiting: { key: string; done: (text: string | null) => void }[] = [];
  const flush = () => {
    const all = waiting;
    waiting = [];
    for (let from = 0; from < all.length; from += BATCH) {
      const part = all.slice(from, from + BATCH);
      void client.mget(part.map(({ key }) => key)).then((texts) => {
        for (let index = 0; index < part.length; index += 1) part[index]?.done(texts[index] ?? null);
      });
    }
  };
  return (key) =>
    new Promise((resolve) => {
      waiting.push({ key, done: (text) => resolve(JSON.parse(text as string)) });
      if (waiting.length === 1) process.nextTick(flush);
    });
}

/**
 * Hits: ours beside raw clients and peers, in one run; deadline and breaker on. Then a million keys invalidated by their
 * prefix. `--quick` for a short run, without the million.
 */
export const scenario: Scenario = {
  name: 'cache',
  async run(args): Promise<BenchResult> {
    const quick = args.includes('--quick');
    const timing = { ms: quick ? 200 : 600, rounds: quick ? 3 : 5 };
    const keys = Array.from({ length: KEYS }, (_, index) => `user:profile:${index}`);
    const redis = await benchRedis();
    const cluster = await benchCluster();
    const closing: (() => Promise<unknown>)[] = [];
    try {
      const raw = new Redis(redis.url);
      closing.push(async () => raw.disconnect());
      const text = JSON.stringify(value);
      await Promise.all(keys.map((key) => raw.set(`raw:${key}`, text)));
      const own = ours(redis.environment);
      closing.push(own.close);
      await own.cache.setMany(keys.map((key) => ({ key, value })));
      const load = async () => value;
      const peers: Peer[] = [
        await cachifiedPeer(redis.url),
        await bentocachePeer(redis.url),
        await cacheManagerPeer(redis.url),
      ];
      for (const peer of peers) {
        closing.push(() => peer.close());
        for (let from = 0; from < keys.length; from += 100) {
          await Promise.all(keys.slice(from, from + 100).map((key) => peer.get(`${peer.name}:${key}`, load)));
        }
      }
      const rawHit = async (key: string) => JSON.parse((await raw.get(`raw:${key}`)) as string);
      const batched = bareBatcher(raw);
      const hits = await compare(
        [
          { name: 'ours', hit: (key) => own.cache.get(key) },
          { name: 'raw', hit: rawHit },
          { name: 'batcher', hit: (key) => batched(`raw:${key}`) },
          ...peers.map((peer) => ({ name: peer.name, hit: (key: string) => peer.get(`${peer.name}:${key}`, load) })),
        ],
        keys,
        { callers: CALLERS, ...timing },
      );
      const single = await compare(
        [
          { name: 'ours', hit: (key) => own.cache.get(key) },
          { name: 'raw', hit: rawHit },
        ],
        keys,
        { callers: 1, ...timing },
      );

      const rawCluster = new Cluster(
        cluster.cluster.nodes.map(({ host, port }) => ({ host, port })),
        signedIn('admin'),
      );
      closing.push(async () => rawCluster.disconnect());
      await Promise.all(keys.map((key) => rawCluster.set(`raw:${key}`, text)));
      const ownCluster = ours(cluster.environment);
      closing.push(ownCluster.close);
      await ownCluster.cache.setMany(keys.map((key) => ({ key, value })));
      const onCluster = await compare(
        [
          { name: 'ours', hit: (key) => ownCluster.cache.get(key) },
          { name: 'raw', hit: async (key) => JSON.parse((await rawCluster.get(`raw:${key}`)) as string) },
        ],
        keys,
        { callers: CALLERS, ...timing },
      );

      const ownLocal = ours(redis.environment, { local: { maxBytes: 100_000_000, boundMs: 3_600_000 } });
      closing.push(ownLocal.close);
      const bentoLocal = await bentocachePeer(redis.url, { local: true });
      closing.push(() => bentoLocal.close());
      // Its first answer begins the listening, without which no copies are made.
      await ownLocal.cache.get(keys[0] as string);
      await new Promise((resolve) => setTimeout(resolve, 200));
      for (const key of keys) {
        await ownLocal.cache.get(key);
        await bentoLocal.get(`local:${key}`, load);
      }
      const local = await compare(
        [
          { name: 'ours', hit: (key) => ownLocal.cache.get(key) },
          { name: 'bentocache', hit: (key) => bentoLocal.get(`local:${key}`, load) },
        ],
        keys,
        { callers: CALLERS, ...timing },
      );

      const prefixMs = quick ? undefined : await prefixOfAMillion(redis.environment);
      const of = (from: Readonly<Record<string, number>>, name: string) => from[name] ?? Number.NaN;
      const ratios = {
        overRaw: of(hits.over, 'raw'),
        overBatcher: of(hits.over, 'batcher'),
        overCachified: of(hits.over, 'cachified'),
        overBentocache: of(hits.over, 'bentocache'),
        overCacheManager: of(hits.over, 'cacheManager'),
        clusterOverRaw: of(onCluster.over, 'raw'),
        singleOverRaw: of(single.over, 'raw'),
        localOverBentocache: of(local.over, 'bentocache'),
      };
      return {
        scenario: 'cache',
        figures: {
          hitsPerSecond: of(hits.rates, 'ours'),
          singleHitsPerSecond: of(single.rates, 'ours'),
          clusterHitsPerSecond: of(onCluster.rates, 'ours'),
          localHitsPerSecond: of(local.rates, 'ours'),
          ...(prefixMs !== undefined && { invalidatePrefixOfAMillionMs: prefixMs }),
        },
        peers: {
          rawHitsPerSecond: of(hits.rates, 'raw'),
          batcherHitsPerSecond: of(hits.rates, 'batcher'),
          cachifiedHitsPerSecond: of(hits.rates, 'cachified'),
          bentocacheHitsPerSecond: of(hits.rates, 'bentocache'),
          cacheManagerHitsPerSecond: of(hits.rates, 'cacheManager'),
          rawSingleHitsPerSecond: of(single.rates, 'raw'),
          rawClusterHitsPerSecond: of(onCluster.rates, 'raw'),
          bentocacheLocalHitsPerSecond: of(local.rates, 'bentocache'),
        },
        ratios,
        bars: [
          atLeast('ratios.overRaw', ratios.overRaw, 1.5),
          atLeast('ratios.overBatcher', ratios.overBatcher, 0.85),
          atLeast('ratios.clusterOverRaw', ratios.clusterOverRaw, 1),
          atLeast('ratios.singleOverRaw', ratios.singleOverRaw, 0.9),
          atLeast('ratios.overCachified', ratios.overCachified, 1),
          atLeast('ratios.overBentocache', ratios.overBentocache, 1),
          atLeast('ratios.overCacheManager', ratios.overCacheManager, 1),
          atLeast('ratios.localOverBentocache', ratios.localOverBentocache, 4),
          ...(prefixMs === undefined ? [] : [atMost('figures.invalidatePrefixOfAMillionMs', prefixMs, 5)]),
        ],
      };
    } finally {
      for (const close of closing.reverse()) await close().catch(() => {});
      await Promise.all([redis.stop(), cluster.stop()]);
    }
  },
};

/** What one `invalidatePrefix` takes with a million keys under it. */
async function prefixOfAMillion(environment: Record<string, string>): Promise<number> {
  const { cache, redis, close } = ours(environment, { prefixes: ['million:'], deadlineMs: 2_000 });
  try {
    const client = redis.client('cache');
    await cache.set('million:one:1', value);
    const entry = (await client.get('cache:{million:one:1}')) as string;
    for (let from = 0; from < 1_000_000; from += 1_000) {
      const pipeline = client.pipeline();
      for (let index = from; index < from + 1_000; index += 1) pipeline.set(`cache:{million:one:${index}}`, entry);
      await pipeline.exec();
    }
    const started = performance.now();
    await cache.invalidatePrefix('million:');
    const took = performance.now() - started;
    if ((await cache.get('million:one:777777')) !== undefined) throw new Error('the prefix was not invalidated');
    return took;
  } finally {
    await close();
  }
}
