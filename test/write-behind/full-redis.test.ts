import { Redis } from 'ioredis';
import {
  findRedis6,
  type Program,
  type RunningAzurite,
  type RunningRedis,
  startAzurite,
  startRedis,
  startRedisCluster,
} from '../../local/servers';
import { createClient } from '../../src/client';
import { defineEntity } from '../../src/entities/define-entity';
import { companionKey, physicalKey } from '../../src/entities/key';
import { silentLogger } from '../../src/logger';
import { readSettings } from '../../src/settings';
import { storeInMemory } from './support';

let azurite: RunningAzurite;
beforeAll(async () => {
  azurite = await startAzurite();
});
afterAll(() => azurite?.stop());

const programs: Readonly<Record<string, () => Promise<{ readonly program?: Program } | undefined>>> = {
  'Redis of this machine': async () => ({}),
  'Redis 6.0': async () => {
    const program = await findRedis6();
    return program && { program };
  },
};
const cases = Object.keys(programs).flatMap((version) => [
  [version, 'one server'] as const,
  [version, 'a cluster'] as const,
]);

it.each(cases)('the journal drains though Redis is full and evicts nothing: %s, %s', async (version, topology) => {
  const found = await programs[version]?.();
  if (found === undefined) {
    console.warn('skipped: Redis 6.0 could not be unpacked (no Debian, or no network)');
    return;
  }
  const args = ['--maxmemory-policy', 'noeviction'];
  const cluster = topology === 'a cluster' ? await startRedisCluster({ masters: 3, args, ...found }) : undefined;
  const nodes: readonly RunningRedis[] = cluster?.nodes ?? [await startRedis({ args, ...found })];
  const admins = nodes.map(
    ({ adminUrl }) => new Redis(adminUrl, cluster ? {} : { db: readSettings({}).REDIS_CACHE_DB }),
  );
  const each = async <T>(command: (admin: Redis) => Promise<T>) => Promise.all(admins.map(command));
  const store = storeInMemory();
  const prefix = `full${cases.findIndex(([a, b]) => a === version && b === topology)}`;
  const client = createClient({
    entities: [defineEntity({ name: 'user:profile', store, ttlSeconds: 600 })],
    logger: silentLogger,
    settings: readSettings({
      ...(cluster ? cluster.environments.app : { REDIS_URL: (nodes[0] as RunningRedis).appUrl }),
      ...{ AzureWebJobsStorage: azurite.connectionString, STORAGE_NAME_PREFIX: prefix, WRITE_BEHIND_QUEUE: prefix },
      ...{ REDIS_DEADLINE_MS: '20000', WRITE_BEHIND_RETRY_CAP_SECONDS: '1' },
    }),
  });
  try {
    await client.redis.ready(20_000);
    const keys = Array.from({ length: 250 }, (_, n) => `user:profile:${n}`);
    const [forgotten, ...shown] = keys as [string, ...string[]];
    await Promise.all(keys.map((key) => client.cache.writeBehind(key, { key })));
    const { version: late } = (await client.fence.unsaved(forgotten)) as { version: string };
    await each((admin) => admin.del(physicalKey(forgotten)).catch(() => 0));

    await each((admin) => admin.config('SET', 'maxmemory', '1'));
    const refusals = await each((admin) => admin.set('cache:{a:b}', 1).catch((error: Error) => error.message));
    expect(refusals).toEqual(nodes.map(() => expect.stringMatching(/OOM|MOVED/)));
    expect(await client.flushAll({ deadlineMs: 20_000 })).toMatchObject({ saved: 250, left: { messages: 0 } });
    // One statement, and none again.
    expect(store.calls.flat()).toHaveLength(250);

    const heads = await Promise.all(shown.map((key) => client.redis.client('cache').getrange(physicalKey(key), 0, 1)));
    // The first of a script is deleted, which needs no memory; after it the server takes the others. A slot here has one.
    expect([...new Set(heads)].sort()).toEqual(cluster ? [''] : ['', 'A0']);
    expect(await client.redis.client('cache').get(companionKey(forgotten, 'settled'))).toBe(late);
  } finally {
    await each((admin) => admin.config('SET', 'maxmemory', '0'));
    await client.close();
    for (const admin of admins) admin.disconnect();
    await (cluster ?? (nodes[0] as RunningRedis)).stop();
  }
});
