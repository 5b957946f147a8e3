import { Redis } from 'ioredis';
import { type RunningRedis, startRedis } from '../../local/servers';
import { type CacheDependencies, createCache } from '../../src/cache';
import { systemClock } from '../../src/clock';
import { defineEntity } from '../../src/entities/define-entity';
import { entityRegistry } from '../../src/entities/registry';
import { silentLogger } from '../../src/logger';
import type { RedisHandle } from '../../src/redis';
import { redisFor, rig, runSweep, settingsFor } from './drive';

let server: RunningRedis;
let client: Redis;
let redis: RedisHandle;
const entities = entityRegistry([
  defineEntity({
    name: 'user:profile',
    load: async (key: string) => key,
    tags: (key) => [key.endsWith('1') ? 'one' : 'rest'],
  }),
  defineEntity({ name: 'product:catalog', load: async (key: string) => key }),
]);

beforeAll(async () => {
  server = await startRedis();
  client = new Redis(server.adminUrl);
  redis = redisFor({ REDIS_URL: server.appUrl });
});
afterAll(async () => {
  await redis.close();
  client.disconnect();
  await server.stop();
});
beforeEach(() => client.flushall());

const cache = () =>
  createCache({ redis, entities, logger: silentLogger, clock: systemClock } satisfies CacheDependencies);
const deps = () => rig(redis, settingsFor({ REDIS_URL: server.appUrl }), { entities });
const left = async () => (await client.keys('cache:{*}')).filter((key) => key.endsWith('}')).sort();

async function fill(): Promise<void> {
  const one = cache();
  for (let id = 0; id < 50; id += 1) {
    await one.get(`user:profile:${id}`);
    await one.get(`product:catalog:${id}`);
  }
  await client.set('cache:{not:ours:1}', 'foreign');
  await client.set('app:1', 'foreign');
}

test('unlinks what a tag or a prefix has invalidated, and nothing else', async () => {
  await fill();
  const one = cache();
  await one.invalidateTag('one');
  const summary = await runSweep('reclaim', deps());
  expect(summary.figures).toMatchObject({ entries: 100, dead: 5, unlinked: 5 });
  expect((await left()).filter((key) => key.includes('user:profile'))).toHaveLength(45);
  await one.invalidatePrefix('product:catalog:');
  expect((await runSweep('reclaim', deps())).figures).toMatchObject({ entries: 95, dead: 50, unlinked: 50 });
  expect(await left()).toHaveLength(46);
  expect(await client.get('cache:{not:ours:1}')).toBe('foreign');
  expect(await client.get('app:1')).toBe('foreign');
});

test('an entry that was written again stays', async () => {
  await fill();
  const one = cache();
  await one.invalidateTag('one');
  await one.delete('user:profile:1');
  // Past the skew margin, so that the new entry is not under the tag generation.
  await expect(one.get('user:profile:1')).resolves.toBe('user:profile:1');
  await runSweep('reclaim', deps());
  expect(await left()).toContain('cache:{user:profile:1}');
  expect(await left()).not.toContain('cache:{user:profile:11}');
});

test('a dry run counts and unlinks nothing', async () => {
  await fill();
  await cache().invalidateTag('one');
  const summary = await runSweep('reclaim', deps(), { dryRun: true });
  expect(summary.figures).toMatchObject({ dead: 5, unlinked: 0 });
  expect(await left()).toHaveLength(101);
});
