import { Redis } from 'ioredis';
import { type RunningCluster, type RunningRedis, startRedis, startRedisCluster } from '../../local/servers';
import { capabilitiesOf, createCounters, createRedis, type RedisHandle, readCounters } from '../../src/redis';
import { slotOf } from '../../src/redis/slot';
import { recordingLogger, redisSettings } from './recorder';
import { bump } from './scripts';

let cluster: RunningCluster;
const handles: RedisHandle[] = [];
// ioredis prints what no listener took.
const unheard = jest.spyOn(console, 'error');

beforeAll(async () => {
  cluster = await startRedisCluster({ masters: 3, args: ['--cluster-require-full-coverage', 'no'] });
});
afterEach(async () => {
  await Promise.all(handles.splice(0).map((handle) => handle.close()));
});
afterAll(async () => {
  await cluster.stop();
  expect(unheard).not.toHaveBeenCalled();
});

function open(environment: Record<string, string> = {}) {
  const recorder = recordingLogger();
  const given = environment.REDIS_URL === undefined ? cluster.environments.app : {};
  const redis = createRedis({
    settings: redisSettings({ ...given, ...environment }),
    logger: recorder.logger,
    role: 'test',
  });
  handles.push(redis);
  return { redis, ...recorder };
}

/** A key that the master with this index owns, the slots being split evenly in order. */
function keyOf(master: number, name: string): string {
  for (let tries = 0; ; tries += 1) {
    const key = `cache:${name}:${tries}`;
    if (Math.floor((slotOf(key) * 3) / 16_384) === master) return key;
  }
}

const node = (index: number) => cluster.nodes[index] as RunningRedis;

test('slots are the server’s own', async () => {
  const admin = new Redis(node(0).adminUrl);
  for (const key of ['a', 'cache:{user:profile:1}', '{}x', 'a{b', 'a{}{b}', 'ключ', '{user}:x{y}', '']) {
    expect([key, slotOf(key)]).toEqual([key, await admin.call('CLUSTER', 'KEYSLOT', key)]);
  }
  admin.disconnect();
});

test('one client serves all stores and every master', async () => {
  const { redis } = open({ REDIS_NODES: cluster.addresses[0] as string });
  expect(redis.mode).toBe('cluster');
  expect(redis.client('sessions')).toBe(redis.client('work'));
  for (const master of [0, 1, 2]) {
    expect(await redis.run('cache', bump, [keyOf(master, 'one')], [master])).toBe(master);
  }
  const nodes = await redis.nodes('masters');
  expect(nodes.map(({ address }) => address).sort()).toEqual([...cluster.addresses].sort());
  expect(await redis.nodes('all')).toHaveLength(3);
  for (const { client, address } of nodes) {
    expect(await client.call('INFO', 'server')).toContain(`tcp_port:${address.split(':')[1]}`);
  }
  expect(redis.serverMicros()?.micros).toBeGreaterThan(0);
});

test('one node’s URL and REDIS_MODE=cluster find the rest', async () => {
  const { redis } = open({ REDIS_URL: node(1).appUrl, REDIS_MODE: 'cluster' });
  expect(await redis.nodes('masters')).toHaveLength(3);
  expect(await capabilitiesOf(redis)).toMatchObject({ cluster: true, enterprise: false });
});

test('a cluster spoken to as one server says which setting to change', async () => {
  const databases = { REDIS_SESSIONS_DB: '0', REDIS_CACHE_DB: '0', REDIS_WORK_DB: '0' };
  const selected = open({ REDIS_URL: node(0).appUrl, REDIS_DEADLINE_MS: '500' });
  const mode = { code: 'E_REDIS_MODE', message: 'this Redis is a node of a cluster: set REDIS_MODE=cluster' };
  await expect(selected.redis.run('cache', bump, ['cache:x'], [1])).rejects.toMatchObject(mode);
  const moved = open({ REDIS_URL: node(0).appUrl, ...databases });
  await expect(moved.redis.run('cache', bump, [keyOf(2, 'x')], [1])).rejects.toMatchObject(mode);
});

test('one server spoken to as a cluster says so too', async () => {
  const server = await startRedis();
  const { redis } = open({ REDIS_URL: server.appUrl, REDIS_MODE: 'cluster', REDIS_DEADLINE_MS: '500' });
  await expect(redis.run('cache', bump, ['cache:x'], [1])).rejects.toMatchObject({
    code: 'E_REDIS_MODE',
    message: expect.stringContaining('REDIS_MODE=standalone'),
  });
  await redis.close();
  await server.stop();
});

test('a script without keys runs on the node it is given', async () => {
  const { redis } = open();
  for (const { client, address } of await redis.nodes('masters')) {
    const where = {
      name: 'where',
      keys: 0,
      writes: false,
      repeatable: true,
      lua: "return redis.call('INFO', 'server')",
    };
    const info = await redis.run('work', where, [], [], { node: { address, role: 'master', client } });
    expect(info).toContain(`tcp_port:${address.split(':')[1]}`);
  }
});

test('a frozen master is E_DEADLINE for its keys alone, and nothing is applied when it thaws', async () => {
  const { redis } = open({ REDIS_DEADLINE_MS: '300', REDIS_SOCKET_TIMEOUT_MS: '60000' });
  const [frozen, other] = [keyOf(0, 'frozen'), keyOf(1, 'frozen')];
  await redis.run('cache', bump, [frozen], [1], { deadlineMs: 5_000 });
  await redis.run('cache', bump, [other], [1], { deadlineMs: 5_000 });
  await node(0).kill('SIGSTOP');
  try {
    const given = Array.from({ length: 20 }, () => redis.run('cache', bump, [frozen], [1]));
    expect(await redis.run('cache', bump, [other], [1], { deadlineMs: 5_000 })).toBe(2);
    for (const result of await Promise.allSettled(given)) {
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'E_DEADLINE' } });
    }
  } finally {
    await node(0).kill('SIGCONT');
  }
  expect(await redis.within(redis.client('cache').get(frozen), { deadlineMs: 5_000 })).toBe('1');
});

test('connections closed under load are made again, and no write is sent twice', async () => {
  const { redis } = open();
  const key = keyOf(0, 'closed');
  await redis.run('cache', bump, [key], [0]);
  const [owner] = (await redis.nodes('masters')).filter(({ address }) => address === cluster.addresses[0]);
  let done = 0;
  let unknown = 0;
  for (let round = 0; round < 5; round += 1) {
    const given = Array.from({ length: 200 }, () => redis.run('cache', bump, [key], [1]));
    owner?.client.disconnect();
    await redis.within(redis.client('cache').get(keyOf(1, 'closed')));
    for (const result of await Promise.allSettled(given)) {
      if (result.status === 'fulfilled') done += 1;
      else {
        expect(result.reason).toMatchObject({ code: 'E_REDIS_UNAVAILABLE', sent: true });
        unknown += 1;
      }
    }
  }
  const applied = Number(await redis.within(redis.client('cache').get(key)));
  expect(applied).toBeGreaterThanOrEqual(done);
  expect(applied).toBeLessThanOrEqual(done + unknown);
  expect(done + unknown).toBe(1_000);
});

test('a master killed and restarted is found again, while the others go on', async () => {
  const { redis } = open({ REDIS_DEADLINE_MS: '1000' });
  const [dead, other] = [keyOf(2, 'killed'), keyOf(0, 'killed')];
  await redis.run('cache', bump, [dead], [1]);
  await redis.run('cache', bump, [other], [1]);
  await node(2).kill('SIGKILL');
  await expect(redis.run('cache', bump, [dead], [1])).rejects.toMatchObject({ code: 'E_REDIS_UNAVAILABLE' });
  expect(await redis.run('cache', bump, [other], [1])).toBe(2);
  await node(2).restart();
  // Its peers must learn of it first; until then they answer CLUSTERDOWN for its slots.
  const end = Date.now() + 20_000;
  let value: number | undefined;
  while (value === undefined && Date.now() < end) {
    value = await redis.run('cache', bump, [dead], [1]).catch(() => undefined);
  }
  expect(value).toBeGreaterThanOrEqual(1);
});

test('counters work on a cluster', async () => {
  const { redis, logger } = open();
  const counters = createCounters({ redis, logger });
  counters.add('clustered', {}, 2);
  await counters.flush();
  expect((await readCounters(redis)).get('clustered|')).toBe(2);
});

test('with no node there, the line says so within the deadline', async () => {
  const { redis } = open({ REDIS_NODES: '127.0.0.1:1,127.0.0.1:2', REDIS_DEADLINE_MS: '300' });
  await expect(redis.run('cache', bump, ['cache:x'], [1])).rejects.toMatchObject({
    code: 'E_REDIS_UNAVAILABLE',
    sent: false,
    // Which of them is tried last is chance.
    message: expect.stringMatching(
      /^no connection to Redis at 127\.0\.0\.1:1,127\.0\.0\.1:2 within \d+ ms: connect ECONNREFUSED 127\.0\.0\.1:[12]$/,
    ),
  });
});

test('close leaves no connection on any node', async () => {
  const recorder = recordingLogger();
  const settings = redisSettings(cluster.environments.app);
  const redis = createRedis({ settings, logger: recorder.logger, role: 'leaver' });
  await redis.dedicated('work', 'subscriber').subscribe('cache:news');
  for (const { client } of await redis.nodes('masters')) await client.ping();
  await redis.close();
  const watcher = open().redis;
  for (const { client } of await watcher.nodes('masters')) {
    const gone = async () => !String(await client.call('CLIENT', 'LIST')).includes('leaver');
    const end = Date.now() + 5_000;
    while (!(await gone()) && Date.now() < end);
    expect(await gone()).toBe(true);
  }
});
