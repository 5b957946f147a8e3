import { Redis } from 'ioredis';
import { type RunningRedis, startRedis } from '../../../local/servers';
import { createCache, createFence, createReclaimer } from '../../../src/cache';
import { systemClock } from '../../../src/clock';
import { defineEntity } from '../../../src/entities/define-entity';
import type { EntityStore } from '../../../src/entities/entity-store';
import { companionKey, physicalKey } from '../../../src/entities/key';
import { entityRegistry } from '../../../src/entities/registry';
import { silentLogger } from '../../../src/logger';
import { createRedis, type RedisHandle } from '../../../src/redis';
import { readSettings } from '../../../src/settings';
import { memoryStore } from '../memory-store';
import { until } from '../rig';

let server: RunningRedis;
let admin: Redis;
let redis: RedisHandle;
const { store, rows } = memoryStore();
const questions: (readonly string[])[] = [];
const asked: EntityStore<string> = {
  ...store,
  async loadMany(keys) {
    questions.push(keys);
    if (keys.some((key) => key.startsWith('down:'))) throw new Error('the store is down');
    return store.loadMany(keys);
  },
};
const entities = entityRegistry(['doc:row', 'down:row'].map((name) => defineEntity<string>({ name, store: asked })));

beforeAll(async () => {
  server = await startRedis({ args: ['--dbfilename', 'dump.rdb'] });
  admin = new Redis(server.adminUrl, { db: readSettings({}).REDIS_CACHE_DB });
  admin.on('error', () => {});
  const settings = readSettings({ REDIS_URL: server.appUrl, REDIS_DEADLINE_MS: '20000' });
  redis = createRedis({ settings, logger: silentLogger, role: 'test' });
});
afterAll(async () => {
  await redis.close();
  admin.disconnect();
  await server.stop();
});
beforeEach(async () => {
  await admin.flushall();
  rows.clear();
  questions.length = 0;
});

const fence = () => createFence({ redis, logger: silentLogger, clock: systemClock });
const flags = async (key: string) => (await admin.getrange(physicalKey(key), 0, 1)).charAt(1);

/** Shows a write, as if half an hour ago. */
async function shown(key: string, value = '"shown"') {
  const row = { key, version: await fence().takeVersion(key), value };
  await fence().publish(row, { ttlSeconds: 60 });
  await admin.setrange(physicalKey(key), 21, String(Date.now() - 30 * 60_000));
  return row;
}

/** By a reader, and by the reclaim sweep. */
const healers: Readonly<Record<string, (keys: readonly string[]) => Promise<unknown>>> = {
  async 'a reader'(keys) {
    const cache = createCache({ redis, entities, logger: silentLogger, clock: systemClock });
    try {
      await Promise.all(keys.map((key) => cache.get(key)));
      await until(async () => questions.length > 0);
      await until(async () => (await flags(keys[0] as string)) !== '1');
    } finally {
      await cache.close();
    }
  },
  async 'the reclaim sweep'(keys) {
    const reclaimer = createReclaimer({ redis, entities, clock: systemClock, prefixes: [] });
    await reclaimer.reclaim(keys.map(physicalKey), { dryRun: true });
    expect(questions).toEqual([]);
    await reclaimer.reclaim(keys.map(physicalKey), { dryRun: false });
  },
};

describe.each(Object.entries(healers))('%s heals a dirty entry', (_, heal) => {
  test('whose settle was lost: what is saved is clean, what is old goes, what waits in the journal stays', async () => {
    const [saved, old, waiting, fresh] = ['doc:row:saved', 'doc:row:old', 'doc:row:waiting', 'doc:row:fresh'];
    await store.saveMany([await shown(saved)]);
    await shown(old);
    await store.saveMany([{ key: old, version: await fence().takeVersion(old), value: '"newer"' }]);
    await shown(waiting);
    await fence().publish(
      { key: fresh, version: await fence().takeVersion(fresh), value: '"fresh"' },
      { ttlSeconds: 60 },
    );
    await heal([saved, old, waiting, fresh]);
    await until(async () => (await flags(old)) === '');
    expect(await Promise.all([saved, old, waiting, fresh].map(flags))).toEqual(['0', '', '1', '1']);
    expect(await admin.pttl(physicalKey(saved))).toBeLessThanOrEqual(3_600_000);
    // Only suspects, in one question.
    expect(questions.map((keys) => [...keys].sort())).toEqual([[old, saved, waiting]]);
  });

  test('that was shown late because its mark was evicted', async () => {
    const key = 'doc:row:evicted';
    const row = { key, version: await fence().takeVersion(key), value: '"late"' };
    await store.saveMany([row]);
    await fence().settle([row], { ttlSeconds: 60 });
    await admin.del(companionKey(key, 'settled'));
    await fence().publish(row, { ttlSeconds: 60 });
    await admin.setrange(physicalKey(key), 21, String(Date.now() - 60_000));
    await heal([key]);
    expect(await flags(key)).toBe('0');
  });

  test('that a failover brought back: the new server never had the settle', async () => {
    const key = 'doc:row:failover';
    const row = await shown(key);
    await admin.save();
    await store.saveMany([row]);
    await fence().settle([row], { ttlSeconds: 60 });
    expect(await flags(key)).toBe('0');
    await server.kill('SIGKILL');
    await server.restart();
    await redis.ready(20_000);
    expect(await flags(key)).toBe('1');
    await heal([key]);
    expect(await flags(key)).toBe('0');
  });
});

test('a store that is down fails neither a read nor a sweep, and is asked once', async () => {
  await shown('down:row:1');
  await shown('doc:row:1');
  const cache = createCache({ redis, entities, logger: silentLogger, clock: systemClock });
  const reclaimer = createReclaimer({ redis, entities, clock: systemClock, prefixes: [] });
  const keys = ['down:row:1', 'doc:row:1'].map(physicalKey);
  expect(await cache.get('down:row:1')).toBe('shown');
  expect(await reclaimer.reclaim(keys, { dryRun: false })).toMatchObject({ entries: 2 });
  expect(await reclaimer.reclaim(keys, { dryRun: false })).toMatchObject({ entries: 2 });
  expect(questions).toEqual([['down:row:1']]);
  await cache.close();
});
