import { findRedis6, type RunningRedis, startRedis, startRedisCluster } from '../../local/servers';
import { capabilitiesOf, createCounters, createRedis, type RedisHandle, readCounters } from '../../src/redis';
import { recordingLogger, redisSettings } from './recorder';
import { bump, peek } from './scripts';

/** What Azure Cache for Redis Premium hides. */
const HIDDEN = ['ACL', 'BGREWRITEAOF', 'BGSAVE', 'CONFIG', 'DEBUG', 'MIGRATE', 'REPLICAOF', 'SAVE', 'SHUTDOWN'];

let server: RunningRedis | undefined;
let redis: RedisHandle;
const { logger, lines } = recordingLogger();

beforeAll(async () => {
  const program = await findRedis6();
  if (!program) {
    console.warn('skipped: Redis 6.0 could not be had here');
    return;
  }
  const args = HIDDEN.flatMap((command) => ['--rename-command', command, '']);
  server = await startRedis({ program, args });
  redis = createRedis({ settings: redisSettings({ REDIS_URL: server.appUrl }), logger, role: 'test' });
}, 180_000);
afterAll(async () => {
  await redis?.close();
  await server?.stop();
});

test('Redis 6.0 dressed as Premium is connected to, and its abilities are known', async () => {
  if (!server) return;
  const abilities = await capabilitiesOf(redis);
  expect(abilities).toMatchObject({ product: 'redis', expireNx: false, enterprise: false, cluster: false });
  expect(abilities.version).toMatch(/^6\.0\./);
  expect([...abilities.hidden]).toEqual(['config']);
  expect(lines.filter(({ level }) => level === 'error')).toEqual([]);
});

test('scripts run there under their deadline, and counters count', async () => {
  if (!server) return;
  expect(await redis.run('cache', bump, ['cache:six'], [6])).toBe(6);
  expect(await redis.run('cache', peek, ['cache:six'], [])).toBe('6');
  const late = redis.client('cache').eval(bump.lua, 1, 'cache:late', Date.now() - 10, 1);
  await expect(redis.within(late)).rejects.toMatchObject({ code: 'E_DEADLINE', refused: true });
  const counters = createCounters({ redis, logger });
  counters.add('six', {}, 6);
  await counters.flush();
  expect((await readCounters(redis)).get('six|')).toBe(6);
});

test('a subscriber and a blocking connection work there', async () => {
  if (!server) return;
  const subscriber = redis.dedicated('work', 'subscriber');
  await subscriber.subscribe('cache:news');
  const received = new Promise((resolve) => subscriber.once('message', (_, message) => resolve(message)));
  await redis.client('work').publish('cache:news', 'hello');
  expect(await received).toBe('hello');
  expect(await redis.dedicated('work', 'blocking').wait(1, 100)).toBe(0); // there is no replica to wait for
});

test('a subscriber of a cluster asks there for nothing that its rights lack', async () => {
  const program = await findRedis6();
  if (!program) return;
  const cluster = await startRedisCluster({ masters: 3, program });
  const settings = redisSettings({ ...cluster.environments.web });
  const client = createRedis({ settings, logger, role: 'test' });
  try {
    const subscriber = client.dedicated('cache', 'subscriber');
    await subscriber.subscribe('cache:news');
    const received = new Promise((resolve) => subscriber.once('message', (_, message) => resolve(message)));
    await client.client('cache').publish('cache:news', 'hello');
    expect(await received).toBe('hello');
  } finally {
    await client.close();
    // Rejects if Redis refused a command.
    await cluster.stop();
  }
});
