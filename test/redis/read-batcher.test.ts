import { type RunningCluster, type RunningRedis, startRedis, startRedisCluster } from '../../local/servers';
import { systemClock } from '../../src/clock';
import { silentLogger } from '../../src/logger';
import { createRedis, DeadlineError, parseInfo, type RedisHandle } from '../../src/redis';
import { CircuitBreakers } from '../../src/redis/circuit-breaker';
import { ReadBatcher } from '../../src/redis/reads/read-batcher';
import { redisSettings } from './recorder';

let server: RunningRedis;
let cluster: RunningCluster;
beforeAll(async () => {
  [server, cluster] = await Promise.all([startRedis(), startRedisCluster({ masters: 3 })]);
});
afterAll(() => Promise.all([server.stop(), cluster.stop()]));

const topologies = {
  'one server': { environment: () => ({ REDIS_URL: server.appUrl }), pids: () => [server.pid] },
  'a cluster': { environment: () => cluster.environments.app, pids: () => cluster.nodes.map(({ pid }) => pid) },
};

describe.each(Object.entries(topologies))('the read batcher on %s', (_, { environment, pids }) => {
  let redis: RedisHandle;
  beforeEach(() => {
    redis = createRedis({ settings: redisSettings(environment()), logger: silentLogger, role: 'test' });
  });
  afterEach(() => redis.close());

  function batcherWith(options: Partial<ConstructorParameters<typeof ReadBatcher>[0]> = {}) {
    return new ReadBatcher({ redis, store: 'cache', clock: systemClock, schedule: process.nextTick, ...options });
  }

  test('texts are read, alone and among many; a missing key and one that holds no text are undefined', async () => {
    const client = redis.client('cache');
    await client.del('cache:hash');
    await client.hset('cache:hash', 'field', 'text');
    const keys = Array.from({ length: 40 }, (__, n) => `cache:many:${n}`);
    await Promise.all(keys.map((key) => client.set(key, `value of ${key}`)));
    const batcher = batcherWith();
    expect(await batcher.get('cache:many:7')).toBe('value of cache:many:7');
    expect(await batcher.get('cache:missing')).toBeUndefined();
    expect(await batcher.get('cache:hash')).toBeUndefined();
    const all = await Promise.all(['cache:hash', 'cache:missing', ...keys].map((key) => batcher.get(key)));
    expect(all).toEqual([undefined, undefined, ...keys.map((key) => `value of ${key}`)]);
  });

  test('a value that needs a repair is read again after it', async () => {
    const client = redis.client('cache');
    await client.set('cache:repaired', 'old');
    let outdated = true;
    const repair = async () => {
      await client.set('cache:repaired', 'new');
      outdated = false;
    };
    const batcher = batcherWith({ repair: () => (outdated ? repair() : undefined) });
    expect(await batcher.get('cache:repaired')).toBe('new');
  });

  test('a repair that fails is the error of the read', async () => {
    await redis.client('cache').set('cache:unrepaired', 'old');
    const batcher = batcherWith({ repair: () => Promise.reject(new DeadlineError('late')) });
    await expect(batcher.get('cache:unrepaired')).rejects.toMatchObject({ code: 'E_DEADLINE' });
  });

  test('while the circuit breakers are open every read is refused', async () => {
    await redis.ready();
    const breakers = new CircuitBreakers({ redis, store: 'cache', logger: silentLogger, deadlineMs: 5_000 });
    const keys = Array.from({ length: 40 }, (__, n) => `cache:refused:${n}`);
    for (const key of keys) {
      for (let failures = 0; failures < 10; failures += 1) breakers.ofKey(key).count(new DeadlineError('late'));
    }
    const outcomes = await Promise.allSettled(keys.map((key) => batcherWith({ breakers }).get(key)));
    breakers.close();
    for (const outcome of outcomes) expect(outcome).toMatchObject({ reason: { code: 'E_REDIS_UNAVAILABLE' } });
  });

  test('reads that a frozen server does not answer fail at the deadline, all of them', async () => {
    const keys = Array.from({ length: 40 }, (__, n) => `cache:frozen:${n}`);
    const batcher = batcherWith({ deadlineMs: 200 });
    await redis.ready();
    await Promise.all(keys.map((key) => redis.client('cache').get(key)));
    for (const pid of pids()) process.kill(pid, 'SIGSTOP');
    try {
      const outcomes = await Promise.allSettled(keys.map((key) => batcher.get(key)));
      for (const outcome of outcomes) expect(outcome).toMatchObject({ reason: { code: 'E_DEADLINE' } });
      await expect(batcher.get('cache:frozen:0')).rejects.toMatchObject({ code: 'E_DEADLINE' });
    } finally {
      for (const pid of pids()) process.kill(pid, 'SIGCONT');
    }
  });

  test('once the connection is closed a read fails', async () => {
    const batcher = batcherWith();
    await redis.close();
    await expect(batcher.get('cache:closed')).rejects.toMatchObject({ code: 'E_REDIS_UNAVAILABLE' });
  });
});

test('on one server 40 reads of one turn are two commands', async () => {
  const redis = createRedis({
    settings: redisSettings({ REDIS_URL: server.appUrl }),
    logger: silentLogger,
    role: 'test',
  });
  try {
    const calls = async () => {
      const info = parseInfo(await redis.client('cache').info('commandstats'));
      return Number(/calls=(\d+)/.exec(info.get('cmdstat_mget') ?? '')?.[1] ?? 0);
    };
    const batcher = new ReadBatcher({ redis, store: 'cache', clock: systemClock, schedule: process.nextTick });
    const before = await calls();
    await Promise.all(Array.from({ length: 40 }, (_, n) => batcher.get(`cache:counted:${n}`)));
    expect((await calls()) - before).toBe(2);
  } finally {
    await redis.close();
  }
});
