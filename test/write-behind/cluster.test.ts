import { type RunningAzurite, type RunningCluster, startAzurite, startRedisCluster } from '../../local/servers';
import { type Client, createClient } from '../../src/client';
import { defineEntity } from '../../src/entities/define-entity';
import { physicalKey } from '../../src/entities/key';
import { silentLogger } from '../../src/logger';
import { createRefreshPlanner } from '../../src/refresh-ahead';
import { readSettings } from '../../src/settings';
import { storeInMemory } from './support';

let cluster: RunningCluster;
let azurite: RunningAzurite;
let client: Client;
const store = storeInMemory();

beforeAll(async () => {
  [cluster, azurite] = await Promise.all([startRedisCluster({ masters: 3 }), startAzurite()]);
  const entities = [
    defineEntity({ name: 'user:profile', store, ttlSeconds: 600 }),
    defineEntity({
      name: 'page:home',
      refreshAhead: {},
      loadMany: async (keys) => new Map(keys.map((key) => [key, 1])),
    }),
  ];
  const settings = readSettings({
    ...{ ...cluster.environments.app, AzureWebJobsStorage: azurite.connectionString },
    REDIS_DEADLINE_MS: '20000',
  });
  client = createClient({ settings, entities, logger: silentLogger });
  await client.redis.ready(10_000);
});
afterAll(async () => {
  await client.close();
  await Promise.all([cluster.stop(), azurite.stop()]);
});

it('settles entries of every slot of a cluster', async () => {
  const keys = Array.from({ length: 120 }, (_, n) => `user:profile:${n}`);
  await Promise.all(keys.map((key) => client.cache.writeBehind(key, { key })));
  const dirty = await Promise.all(keys.map((key) => client.redis.client('cache').pttl(physicalKey(key))));
  expect(Math.min(...dirty)).toBeGreaterThan(80_000_000);

  expect(await client.flushAll()).toMatchObject({ saved: 120, left: { messages: 0 } });
  expect(store.rows.size).toBe(120);
  const settled = await Promise.all(keys.map((key) => client.redis.client('cache').pttl(physicalKey(key))));
  expect(Math.max(...settled)).toBeLessThanOrEqual(600_000);
});

it('keeps what waits for a refresh in one slot, and claims it', async () => {
  const { refresh } = client.cache;
  for (let n = 0; n < 300; n++) client.demand.refreshNeeded(`page:home:${n}`, Date.now() + 700_000, refresh);
  await client.demand.flush();
  expect((await createRefreshPlanner(client).plan(new Date())).figures.queued).toBe(300);
});
