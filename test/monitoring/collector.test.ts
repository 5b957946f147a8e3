import { Redis } from 'ioredis';
import { findRedis6, findValkey, type RunningRedis, startRedis, startRedisCluster } from '../../local/servers';
import { MINUTE } from '../../src/clock';
import { silentLogger } from '../../src/logger';
import { createCollector } from '../../src/monitoring/collect/collector';
import { overviewOf } from '../../src/monitoring/dashboard/overview';
import { renderPrometheus } from '../../src/monitoring/metrics/prometheus-text';
import { createMemorySampleStore } from '../../src/monitoring/samples/memory-samples';
import type { SampleBatch, SampleStore } from '../../src/monitoring/samples/sample-store';
import { latestBatches } from '../../src/monitoring/samples/sample-store';
import { capabilitiesOf, createCounters, createRedis, type RedisHandle } from '../../src/redis';
import { findPromtool } from '../alerting/promtool';
import { redisOf, settingsFor, T0 } from './support';

/** Calls of GET: nobody but the test calls it. Hits and misses count the collector's own reading too. */
const gets = 'redis_command_calls|command=get';

/** A clock that tests move; it begins at T0. */
function movable() {
  let now = T0;
  return {
    now: () => now,
    to: (at: number) => {
      now = at;
    },
  };
}

function collecting(redis: RedisHandle, store: SampleStore, extra = {}) {
  const clock = movable();
  const retention = { minute: 7, hour: 90, day: 800 };
  const collector = createCollector({ redis, store, clock, logger: silentLogger, cache: 'test', retention, ...extra });
  /** Collects the tick that many minutes after T0. */
  const at = (minute: number) => {
    clock.to(T0 + minute * MINUTE + 1_000);
    return collector.collect(new Date(T0 + minute * MINUTE));
  };
  const last = async (minute: number, source: RegExp | string): Promise<SampleBatch | undefined> =>
    (await store.read({ after: T0 + (minute - 1) * MINUTE, until: T0 + minute * MINUTE })).find((batch) =>
      typeof source === 'string' ? batch.source === source : source.test(batch.source),
    );
  return { at, last };
}

describe('one server', () => {
  let server: RunningRedis;
  let redis: RedisHandle;
  let client: Redis;
  let admin: Redis;

  beforeAll(async () => {
    server = await startRedis({ args: ['--maxmemory', '64mb'] });
    redis = redisOf(server);
    client = redis.client('cache') as Redis;
    admin = new Redis(server.adminUrl);
    admin.on('error', () => {});
  });
  afterAll(async () => {
    admin.disconnect();
    await redis.close();
    await server.stop();
  });

  test('the second tick says what happened since the first, in two round trips', async () => {
    const store = createMemorySampleStore();
    const { at, last } = collecting(redis, store);
    await at(0);
    await client.set('cache:a', '1');
    for (const key of ['a', 'a', 'a', 'nothing']) await client.get(`cache:${key}`);
    await at(1);
    const batch = await last(1, /:/);
    expect(batch?.values).toMatchObject({
      redis_up: 1,
      [gets]: 4,
      redis_interval_seconds: 60,
    });
    expect(batch?.values.redis_memory_used_share).toBeGreaterThan(0);
    const overview = overviewOf(await latestBatches(store, T0 + MINUTE));
    expect(overview.performance.hit_rate).toBeNull();
    expect(overview.memory.used).toBeGreaterThan(100_000);
  });

  test('a tick that is collected twice is stored once, and loses no delta', async () => {
    const store = createMemorySampleStore();
    const { at, last } = collecting(redis, store);
    await at(0);
    await client.get('cache:a');
    await at(1);
    const report = await at(1);
    expect(report.figures.nodes).toBe(0);
    expect((await last(1, /:/))?.values[gets]).toBe(1);
  });

  test('CONFIG RESETSTAT between two ticks is no negative delta', async () => {
    const store = createMemorySampleStore();
    const { at, last } = collecting(redis, store);
    await at(0);
    await admin.config('RESETSTAT');
    await client.get('cache:a');
    await at(1);
    expect((await last(1, /:/))?.values[gets]).toBe(1);
  });

  test('slow commands are counted by their id, and the slowest is named in seconds', async () => {
    const store = createMemorySampleStore();
    const { at, last } = collecting(redis, store);
    await at(0);
    await admin.config('SET', 'slowlog-log-slower-than', '0');
    await client.get('cache:a');
    await admin.config('SET', 'slowlog-log-slower-than', '10000');
    await at(1);
    const values = (await last(1, /:/))?.values;
    expect(values?.redis_slowlog_entries).toBeGreaterThanOrEqual(2);
  });

  test('the app’s own counters become metrics with their labels', async () => {
    const store = createMemorySampleStore();
    const { at, last } = collecting(redis, store, { deadLetters: async () => 3 });
    const counters = createCounters({ redis, logger: silentLogger });
    counters.add('job_runs', { job: 'planSweep', outcome: 'ok' });
    await counters.flush();
    await at(0);
    counters.add('job_runs', { job: 'planSweep', outcome: 'ok' }, 2);
    await counters.flush();
    await at(1);
    expect((await last(1, 'app'))?.values).toEqual({
      steward_dead_letters: 3,
      'steward_job_runs|job=planSweep,outcome=ok': 2,
    });
  });

  test('what /api/metrics shows is Prometheus text to Prometheus itself, and its counters are totals', async () => {
    const store = createMemorySampleStore();
    const { at } = collecting(redis, store);
    await at(0);
    await client.get('cache:a');
    await at(1);
    await client.get('cache:a');
    await at(2);
    const now = T0 + 2 * MINUTE;
    const text = renderPrometheus(await latestBatches(store, now), await store.baselines(now));
    expect(text).toMatch(/^redis_command_calls_total\{cache="test",command="get",node="[^"]+"\} 2$/m);
    expect(text).toMatch(/^redis_node_info\{.*version="/m);
    const promtool = await findPromtool();
    if (!promtool) return;
    const { ok, text: said } = await promtool.exec('check', 'metrics', { stdin: text });
    expect(ok ? '' : said).toBe('');
  }, 240_000);

  test('a server that is restarted is a new baseline; while it is down its sample says so', async () => {
    const store = createMemorySampleStore();
    const { at, last } = collecting(redis, store, { deadlineMs: 700 });
    await at(0);
    const source = (await last(0, /:/))?.source as string;
    await server.kill('SIGKILL');
    const report = await at(1);
    expect(report.figures).toMatchObject({ nodes: 1, down: 1 });
    expect(report.failedWith).toBe('E_REDIS_UNAVAILABLE');
    expect((await last(1, source))?.values).toEqual({ redis_up: 0 });
    await server.restart();
    await redis.ready(10_000);
    await at(2);
    expect((await last(2, source))?.values).toMatchObject({ redis_up: 1 });
    expect((await last(2, source))?.values).not.toHaveProperty('redis_keyspace_misses');
    await client.get('cache:nothing');
    await at(3);
    expect((await last(3, source))?.values[gets]).toBe(1);
  });
});

test('a server that refuses the probes is sampled from INFO alone, and they are asked once', async () => {
  const args = ['SLOWLOG', 'LATENCY', 'CLIENT'].flatMap((name) => ['--rename-command', name, '']);
  const server = await startRedis({ args });
  const redis = redisOf(server);
  const said: string[] = [];
  const logger = { ...silentLogger, info: ({ probe }: { probe?: unknown }) => void said.push(String(probe)) };
  const store = createMemorySampleStore();
  try {
    const { at, last } = collecting(redis, store, { logger });
    await at(0);
    await at(1);
    expect((await last(1, /:/))?.values).toMatchObject({ redis_up: 1, redis_interval_seconds: 60 });
    expect(said.filter((probe) => probe !== 'undefined').sort()).toEqual([
      'client list',
      'latency histogram',
      'slowlog',
    ]);
  } finally {
    await redis.close();
    await server.stop();
  }
});

test('Redis 6.0 with the commands away that Azure hides is sampled whole; what it has no word for is left out', async () => {
  const program = await findRedis6();
  if (!program) return console.warn('SKIPPED: Redis 6.0 can neither be found nor downloaded; it is not sampled.');
  const hidden = ['ACL', 'CONFIG', 'DEBUG', 'SAVE', 'BGSAVE', 'SHUTDOWN'];
  const args = ['--maxmemory', '64mb', ...hidden.flatMap((name) => ['--rename-command', name, ''])];
  const server = await startRedis({ program, args });
  const redis = redisOf(server);
  const client = redis.client('cache') as Redis;
  const said: unknown[] = [];
  const logger = { ...silentLogger, info: ({ probe }: { probe?: unknown }) => void said.push(probe) };
  const store = createMemorySampleStore();
  try {
    const { at, last } = collecting(redis, store, { logger, limits: { maxClients: 1_000 } });
    await at(0);
    await client.set('cache:a', '1');
    for (const key of ['a', 'a', 'nothing']) await client.get(`cache:${key}`);
    await at(1);
    const { values = {}, info } = (await last(1, /:/)) ?? {};
    expect(info).toMatchObject({ role: 'master', version: expect.stringMatching(/^6\.0\./) });
    expect(values).toMatchObject({
      ...{ redis_up: 1, redis_master: 1, redis_interval_seconds: 60, [gets]: 3 },
      ...{ redis_memory_max_bytes: 64 * 2 ** 20, redis_clients_max: 1_000, 'redis_keys|db=1': 1 },
    });
    expect(values.redis_memory_used_share).toBeGreaterThan(0);
    // Of the whole process: this version does not show the main thread's.
    expect(values).toHaveProperty('redis_engine_cpu_seconds');
    expect(Object.keys(values).filter((key) => /latency_calls|acl_denied|error_replies/.test(key))).toEqual([]);
    expect(said.filter((probe) => probe !== undefined)).toEqual([]);
  } finally {
    await redis.close();
    await server.stop();
  }
}, 180_000);

test('Valkey is sampled as Redis is, and named by its own version', async () => {
  const program = await findValkey();
  if (!program) return console.warn('SKIPPED: Valkey can neither be found nor downloaded; it is not sampled.');
  const server = await startRedis({ program, args: ['--maxmemory', '64mb'] });
  const redis = redisOf(server);
  const client = redis.client('cache') as Redis;
  const store = createMemorySampleStore();
  try {
    const { at, last } = collecting(redis, store);
    await at(0);
    await client.set('cache:a', '1');
    for (const key of ['a', 'a', 'nothing']) await client.get(`cache:${key}`);
    await at(1);
    const { values = {}, info } = (await last(1, /:/)) ?? {};
    expect(info).toMatchObject({ role: 'master', version: expect.stringMatching(/^[89]\.\d+\.\d+$/) });
    expect(values).toMatchObject({
      ...{ redis_up: 1, redis_master: 1, redis_interval_seconds: 60, [gets]: 3 },
      ...{ redis_memory_max_bytes: 64 * 2 ** 20, redis_clients_max: 10_000, 'redis_keys|db=1': 1 },
    });
    for (const own of ['redis_engine_cpu_seconds', 'redis_slowlog_entries', 'redis_acl_denied']) {
      expect(values).toHaveProperty([own]);
    }
    expect(await capabilitiesOf(redis)).toMatchObject({ product: 'valkey', expireNx: true, cluster: false });
  } finally {
    await redis.close();
    await server.stop();
  }
}, 180_000);

test('every node of a cluster is a source of its own, replicas too; one that dies is down while the others answer', async () => {
  const cluster = await startRedisCluster({ masters: 3, replicas: 1 });
  const redis = createRedis({
    settings: settingsFor(cluster.environments.app),
    logger: silentLogger,
    role: 'test',
  });
  const store = createMemorySampleStore();
  try {
    const { at, last } = collecting(redis, store, { deadlineMs: 2_000 });
    expect((await at(0)).figures).toMatchObject({ nodes: 6, down: 0 });
    const master = await last(0, new RegExp(`:${cluster.nodes[0]?.port}$`));
    expect(master?.info).toMatchObject({ role: 'master', mode: 'cluster' });
    expect(master?.values).toMatchObject({
      ...{ redis_master: 1, redis_replicas: 1, redis_cluster_ok: 1, redis_cluster_slots_failing: 0 },
      [`redis_replica_lag_bytes|replica=${cluster.addresses[3]}`]: expect.any(Number),
      [`redis_replica_lag_seconds|replica=${cluster.addresses[3]}`]: expect.any(Number),
    });
    expect(master?.values).not.toHaveProperty('redis_replica_link_up');
    for (const { port } of cluster.nodes.slice(3)) {
      const replica = await last(0, new RegExp(`:${port}$`));
      expect(replica?.info).toMatchObject({ role: 'replica', mode: 'cluster' });
      expect(replica?.values).toMatchObject({ redis_up: 1, redis_master: 0, redis_replica_link_up: 1 });
    }
    await cluster.nodes[0]?.kill('SIGKILL');
    const report = await at(1);
    expect(report.figures.down).toBeGreaterThanOrEqual(1);
    const lost = cluster.nodes[0]?.port;
    expect((await last(1, new RegExp(`:${lost}$`)))?.values).toEqual({ redis_up: 0 });
  } finally {
    await redis.close();
    await cluster.stop();
  }
}, 60_000);

test('Redis that was never reached is one node that is down', async () => {
  const store = createMemorySampleStore();
  const redis = createRedis({
    settings: settingsFor({ REDIS_URL: 'redis://127.0.0.1:1' }),
    logger: silentLogger,
    role: 'test',
  });
  try {
    const { at, last } = collecting(redis, store, { deadlineMs: 300 });
    expect((await at(0)).figures).toMatchObject({ nodes: 1, down: 1 });
    expect((await last(0, /:/))?.values).toEqual({ redis_up: 0 });
  } finally {
    await redis.close();
  }
});
