import { Cluster } from 'ioredis';
import { type RunningCluster, signedIn, startRedisCluster } from '../../local/servers';
import { createCache } from '../../src/cache';
import { systemClock } from '../../src/clock';
import { defineEntity } from '../../src/entities/define-entity';
import { entityRegistry } from '../../src/entities/registry';
import { censusReport } from '../../src/hygiene/census/census-report';
import type { CensusFindings } from '../../src/hygiene/census/census-tally';
import type { SweepName } from '../../src/hygiene/records/sweep-record';
import { silentLogger } from '../../src/logger';
import type { RedisHandle } from '../../src/redis';
import { redisFor, rig, runSweep, settingsFor } from './drive';
import { type EnterpriseProxy, startEnterpriseProxy } from './enterprise-proxy';

/** The sweeps through a proxy that shows three real masters as one keyspace. */

let cluster: RunningCluster;
let client: Cluster;
let proxy: EnterpriseProxy;
let redis: RedisHandle;

beforeAll(async () => {
  cluster = await startRedisCluster({ masters: 3, refusals: 'expected' });
  client = new Cluster(
    cluster.nodes.map(({ host, port }) => ({ host, port })),
    signedIn('admin'),
  );
  proxy = await startEnterpriseProxy(cluster);
  // On a busy machine a fill that misses a short deadline would be dropped, and one key less would be cached.
  redis = redisFor({ REDIS_URL: proxy.url, REDIS_DEADLINE_MS: '10000' });
});

afterAll(async () => {
  await redis.close();
  await proxy.stop();
  client.disconnect();
  await cluster.stop();
});

beforeEach(async () => {
  await Promise.all(client.nodes('master').map((node) => node.flushall()));
  await Promise.all(
    Array.from({ length: 1_200 }, (_, index) => [
      index % 3 === 0 ? client.set(`sess:${index}`, '{}') : client.set(`sess:${index}`, '{}', 'EX', 5_000),
      client.set(`foreign:${index}`, '1'),
    ]).flat(),
  );
});

async function withoutTtl(prefix: string): Promise<number> {
  const ttls = await Promise.all(Array.from({ length: 1_200 }, (_, index) => client.ttl(`${prefix}:${index}`)));
  return ttls.filter((ttl) => ttl === -1).length;
}

test('sessions are one shard, swept exactly by plain commands; what is foreign stays', async () => {
  const scripts = proxy.seen.get('EVALSHA') ?? 0;
  const settings = settingsFor({ REDIS_URL: proxy.url });
  const dry = await runSweep('sessions', rig(redis, settings), { dryRun: true });
  expect(dry).toMatchObject({ shards: 1, examined: 2_400, figures: { missing: 400, given: 0 } });
  const summary = await runSweep('sessions', rig(redis, settings, { options: { budgetMs: 50, saveEveryMs: 10 } }));
  expect(summary).toMatchObject({ shards: 1, examined: 2_400, rescans: 0, faults: [] });
  expect(summary.figures).toMatchObject({ matched: 1_200, missing: 400, given: 400 });
  expect(await withoutTtl('sess')).toBe(0);
  expect(await withoutTtl('foreign')).toBe(1_200);
  expect(proxy.seen.get('EVALSHA') ?? 0).toBe(scripts);
  expect(proxy.seen.get('EVAL')).toBeUndefined();
});

test('a batch script, which covers one shard there, is detected by the count of keys', async () => {
  const settings = settingsFor({ REDIS_URL: proxy.url, SWEEP_PAGES: 'script' });
  const summary = await runSweep('sessions', rig(redis, settings));
  expect(summary.examined).toBeLessThan(1_500);
  expect(summary.faults).toEqual([expect.stringMatching(/fewer keys were examined than the server held$/)]);
});

test('the census counts every shard', async () => {
  const summary = await runSweep('census', rig(redis, settingsFor({ REDIS_URL: proxy.url })));
  expect(summary).toMatchObject({ shards: 1, examined: 2_400, faults: [] });
  expect(summary.figures).toMatchObject({ keys: 2_400, keysWithoutTtl: 400 });
  const { groups } = censusReport(summary.findings as CensusFindings);
  const by = Object.fromEntries(groups.map((group) => [group.label, group]));
  expect(by['(no access)']).toMatchObject({ keys: 1_200 });
  expect(by.sessions).toMatchObject({ keys: 1_200, withoutTtl: 400 });
  expect(by.sessions?.memory?.bytes).toBeGreaterThan(1_200 * 40);
});

test('reclaim unlinks what was invalidated, wherever it lives', async () => {
  const entities = entityRegistry([defineEntity({ name: 'user:profile', load: async (key: string) => key })]);
  const options = { deadlineMs: 10_000 };
  const cache = createCache({ redis, entities, logger: silentLogger, clock: systemClock, options });
  await Promise.all(Array.from({ length: 60 }, (_, id) => cache.get(`user:profile:${id}`)));
  await cache.invalidatePrefix('user:profile:');
  const summary = await runSweep('reclaim', rig(redis, settingsFor({ REDIS_URL: proxy.url }), { entities }));
  expect(summary.figures).toMatchObject({ entries: 60, dead: 60, unlinked: 60 });
  expect(await withoutTtl('foreign')).toBe(1_200);
});

describe('COUNT', () => {
  const counts = async (pass: SweepName, delayMs: number, commandMs: number) => {
    let now = performance.now();
    const clock = jest.spyOn(performance, 'now').mockImplementation(() => now);
    const far = await startEnterpriseProxy(cluster, {
      ...{ delayMs, commandMs },
      spend: (ms) => {
        now += ms;
      },
    });
    const handle = redisFor({ REDIS_URL: far.url });
    try {
      const summary = await runSweep(pass, rig(handle, settingsFor({ REDIS_URL: far.url })));
      expect(summary).toMatchObject({ examined: 2_400, faults: [] });
      return far.counts;
    } finally {
      clock.mockRestore();
      await handle.close();
      await far.stop();
    }
  };
  const sweeps: SweepName[] = ['sessions', 'census', 'reclaim'];
  const falling = [100, 50, 50, 50, 50, 50, 50, 50];

  test.each(sweeps)('of %s grows if the server is fast and the way to it takes 2 ms', async (pass) => {
    const asked = await counts(pass, 2, 0);
    expect(asked.slice(0, 8)).toEqual([100, 125, 150, 175, 200, 225, 250, 275]);
  });

  test.each([
    ['sessions', 0],
    ['sessions', 2],
    ['census', 0],
    ['census', 2],
  ] as const)('of %s falls if the server is slow and the way to it takes %d ms', async (pass, delayMs) => {
    const asked = await counts(pass, delayMs, 0.1);
    expect(asked.slice(0, 8)).toEqual(falling);
  });

  test.each(sweeps)('of %s falls if no answer is fast: the server counts as slow, not as far', async (pass) => {
    const asked = await counts(pass, 50, 0);
    expect(asked.slice(0, 8)).toEqual(falling);
  });
});
