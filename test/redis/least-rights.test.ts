import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { type RunningRedis, startRedis } from '../../local/servers';
import { createCache } from '../../src/cache';
import { systemClock } from '../../src/clock';
import { entityRegistry } from '../../src/entities/registry';
import { silentLogger } from '../../src/logger';
import { capabilitiesOf, createCounters, createRedis, type RedisHandle, readCounters } from '../../src/redis';
import { CHANNEL_PATTERNS, COMMANDS, KEY_PATTERNS, rightsFile } from '../../src/redis/acl';
import { createSessionStore } from '../../src/sessions';
import { redisSettings } from './recorder';

let server: RunningRedis;
let admin: Redis;
let redis: RedisHandle;

beforeAll(async () => {
  server = await startRedis();
  admin = new Redis(server.adminUrl);
  redis = createRedis({ settings: redisSettings({ REDIS_URL: server.webUrl }), logger: silentLogger, role: 'web' });
});
afterAll(async () => {
  await redis.close();
  admin.disconnect();
  await server.stop();
});
// What was refused is in the server's own log, whoever swallowed the error.
afterEach(async () => expect(await admin.call('ACL', 'LOG')).toEqual([]));

test('the cache needs no more than the published rights', async () => {
  const cache = createCache({
    redis,
    entities: entityRegistry([]),
    logger: silentLogger,
    clock: systemClock,
    options: {},
  });
  expect(await cache.get('user:profile:1', async () => ({ name: 'Ann' }), { tags: ['people'] })).toEqual({
    name: 'Ann',
  });
  expect(await cache.get('user:profile:1')).toEqual({ name: 'Ann' });
  await cache.set('user:profile:2', { name: 'Bob' });
  await cache.delete('user:profile:2');
  await cache.invalidateTag('people');
  await cache.invalidatePattern('user:profile:*');
  expect(await cache.get('user:profile:1')).toBeUndefined();
  await cache.close();
});

test('sessions need no more than the published rights', async () => {
  const store = createSessionStore({ redis });
  const cookie = { originalMaxAge: 60_000, path: '/' };
  await store.set('sid', { cookie, user: 'ann' } as never);
  expect(await store.get('sid')).toMatchObject({ user: 'ann' });
  await store.touch('sid', { cookie, user: 'ann' } as never);
  expect(await store.length()).toBe(1);
  await store.destroy('sid');
  store.close();
});

test('counters, nodes and abilities need no more than the published rights', async () => {
  const counters = createCounters({ redis, logger: silentLogger });
  counters.add('rights', {}, 1);
  counters.set('gauge', {}, 2);
  await counters.flush();
  expect((await readCounters(redis)).get('rights|')).toBe(1);
  expect(await redis.nodes('all')).toHaveLength(1);
});

test('abilities that may not be asked are not known, and nothing fails', async () => {
  expect((await capabilitiesOf(redis)).hidden.size).toBe(0);
  await admin.call('ACL', 'LOG', 'RESET'); // COMMAND is the app's right, and this asks for it
});

test('docs/security.md names exactly these rights', () => {
  const page = readFileSync(join(__dirname, '../../docs/security.md'), 'utf8');
  const named = [...page.matchAll(/\+([a-z|]+)/g)].map(([, command]) => command);
  expect(named.sort()).toEqual([...COMMANDS.app].sort());
  for (const pattern of KEY_PATTERNS) expect(page).toContain(`~${pattern}`);
  for (const pattern of CHANNEL_PATTERNS) expect(page).toContain(`&${pattern}`);
});

test('the servers of deploy/sentinel give exactly these rights', () => {
  expect(readFileSync(join(__dirname, '../../deploy/sentinel/rights'), 'utf8')).toBe(rightsFile());
});
