import { Redis } from 'ioredis';
import { type RunningRedis, startRedis } from '../../local/servers';
import { queueShards, startSweep } from '../../src/hygiene/engine/plan-sweeps';
import { runSweepHere } from '../../src/hygiene/engine/run-here';
import type { WorkItemResult } from '../../src/hygiene/engine/work-item';
import type { RedisHandle } from '../../src/redis';
import { drain, redisFor, rig, runSweep, settingsFor } from './drive';

/** What real servers do to a sweep: restarts, growth, huge values, commands that are not there. */

const opened: { close(): Promise<void> }[] = [];
const servers: RunningRedis[] = [];
const clients: Redis[] = [];

async function start(args: string[] = []): Promise<{ server: RunningRedis; client: Redis; redis: RedisHandle }> {
  const server = await startRedis({ args });
  servers.push(server);
  const client = new Redis(server.adminUrl);
  client.on('error', () => {});
  clients.push(client);
  const redis = redisFor({ REDIS_URL: server.appUrl });
  opened.push(redis);
  return { server, client, redis };
}

afterEach(async () => {
  await Promise.all(opened.splice(0).map((each) => each.close()));
  for (const client of clients.splice(0)) client.disconnect();
  await Promise.all(servers.splice(0).map((each) => each.stop()));
});

async function fill(client: Redis, keys: number, every = 10): Promise<void> {
  const lua = `for i = tonumber(ARGV[1]), tonumber(ARGV[2]) - 1 do
    if i % tonumber(ARGV[3]) == 0 then redis.call('SET', 'sess:' .. i, '{}')
    else redis.call('SET', 'sess:' .. i, '{}', 'EX', 5000) end end`;
  for (let from = 0; from < keys; from += 20_000) await client.eval(lua, 0, from, Math.min(keys, from + 20_000), every);
}

async function withoutTtl(client: Redis, pattern: string): Promise<string[]> {
  const keys = await client.keys(pattern);
  const ttls = (await client.pipeline(keys.map((key) => ['ttl', key])).exec()) ?? [];
  return keys.filter((_, index) => ttls[index]?.[1] === -1);
}

test.each([
  ['script', []],
  ['commands', []],
])('Redis killed by SIGKILL during a sweep and started again: every session has a TTL at the end (%s)', async (way) => {
  const { server, client, redis } = await start(['--appendonly', 'yes', '--appendfsync', 'always']);
  await fill(client, 8_000, 2);
  const settings = settingsFor({ REDIS_URL: server.appUrl, SWEEP_PAGES: way });
  const deps = rig(redis, settings, { options: { budgetMs: 1, saveEveryMs: 1 } });
  let workItems = 0;
  const summary = await runSweep('sessions', deps, {
    onWorkItem: async () => {
      workItems += 1;
      if (workItems !== 3) return;
      await server.kill('SIGKILL');
      await server.restart();
    },
  });
  expect(workItems).toBeGreaterThan(3);
  expect(summary).toMatchObject({ restarts: 1, faults: [], examined: 8_000 });
  expect(await withoutTtl(client, 'sess:*')).toEqual([]);
});

test('Redis killed by SIGKILL in a work item: the work item pauses, and the sweep ends complete', async () => {
  const { server, client, redis } = await start(['--appendonly', 'yes', '--appendfsync', 'always']);
  await fill(client, 20_000, 2);
  const settings = settingsFor({ REDIS_URL: server.appUrl, SWEEP_DUTY: '0.02' });
  const deps = rig(redis, settings, { options: { saveEveryMs: 20 }, deadlineMs: 500 });
  const results: WorkItemResult[] = [];
  let examinedAtKill: Promise<void> | undefined;
  // Killed once the record shows that the walk is well under way.
  const records = deps.records;
  const watched = {
    ...deps,
    records: {
      ...records,
      write: async (name: string, value: object, etag: string | undefined) => {
        const { examined = 0, status } = value as { examined?: number; status?: string };
        if (examined > 1_000 && status === 'running') examinedAtKill ??= server.kill('SIGKILL');
        return records.write(name, value, etag);
      },
    },
  };
  const run = await startSweep('sessions', { dryRun: false, startedAt: Date.now() }, watched);
  await queueShards(run!, watched, 0);
  await drain('sessions', watched, (result) => void results.push(result));
  await examinedAtKill;
  expect(results).toMatchObject([{ outcome: 'paused', reason: 'unreachable' }]);
  await server.restart();
  const full = settingsFor({ REDIS_URL: server.appUrl });
  let summary: Awaited<ReturnType<typeof drain>>;
  while (!summary) summary = await drain('sessions', { ...rig(redis, full), records, queue: deps.queue });
  expect(summary).toMatchObject({ restarts: 1, faults: [], examined: 20_000 });
  expect(await withoutTtl(client, 'sess:*')).toEqual([]);
});

test('a keyspace that grows during the scan: what was there at the start is fixed, and the sweep ends', async () => {
  const { client, redis, server } = await start();
  await fill(client, 5_000, 5);
  const settings = settingsFor({ REDIS_URL: server.appUrl });
  let grown = 0;
  const summary = await runSweep('sessions', rig(redis, settings, { options: { budgetMs: 1, saveEveryMs: 1 } }), {
    onWorkItem: async () => {
      const pipeline = client.pipeline();
      for (let index = 0; index < 150; index += 1) pipeline.set(`sess:new-${grown++}`, '{}');
      await pipeline.exec();
    },
  });
  expect(grown).toBeGreaterThan(500);
  expect(summary.faults).toEqual([]);
  expect((await withoutTtl(client, 'sess:*')).filter((key) => !key.startsWith('sess:new-'))).toEqual([]);
});

test('a set of a million members gets a TTL and is counted, and an index loses a bounded number of members', async () => {
  const { client, redis, server } = await start();
  const add = `for i = 1, 100000 do redis.call('SADD', KEYS[1], ARGV[1] .. ':' .. i) end`;
  for (let part = 0; part < 10; part += 1) await client.eval(add, 1, 'sess:huge', part);
  const index = `for i = 1, 100000 do redis.call('ZADD', KEYS[1], 1, ARGV[1] .. ':' .. i) end`;
  for (let part = 0; part < 3; part += 1) await client.eval(index, 1, 'sess:user:{u}:sessions', part);
  const settings = settingsFor({ REDIS_URL: server.appUrl, SWEEP_INSPECT_EVERY: '1' });
  const summary = await runSweep('sessions', rig(redis, settings));
  expect(summary.figures).toMatchObject({ given: 2, otherTypes: 1, pruned: 1_000 });
  const census = await runSweep('census', rig(redis, settings));
  expect(census.figures.biggestBytes).toBeGreaterThan(10_000_000);
  expect(await client.scard('sess:huge')).toBe(1_000_000);
  expect(await client.ttl('sess:huge')).toBeGreaterThan(0);
});

describe.each([
  ['without scripts', ['EVAL', 'EVALSHA', 'SCRIPT']],
  [
    'with the commands hidden that Premium hides',
    ['ACL', 'BGREWRITEAOF', 'BGSAVE', 'CONFIG', 'DEBUG', 'MIGRATE', 'PSYNC', 'REPLICAOF', 'SAVE', 'SHUTDOWN', 'SYNC'],
  ],
  ['without MEMORY and COMMAND', ['MEMORY', 'COMMAND', 'LATENCY', 'SLOWLOG']],
])('a Redis %s', (_, hidden) => {
  test('is swept, and only sessions are changed', async () => {
    const { client, redis, server } = await start(hidden.flatMap((command) => ['--rename-command', command, '']));
    const pipeline = client.pipeline();
    for (let index = 0; index < 1_000; index += 1) pipeline.set(`sess:${index}`, '{}').set(`foreign:${index}`, '1');
    await pipeline.exec();
    const settings = settingsFor({ REDIS_URL: server.appUrl });
    const summary = await runSweepHere({ redis, settings, sweep: 'sessions', dryRun: false });
    expect(summary).toMatchObject({ examined: 2_000, faults: [], figures: { matched: 1_000, given: 1_000 } });
    expect(await withoutTtl(client, 'sess:*')).toEqual([]);
    expect(await withoutTtl(client, 'foreign:*')).toHaveLength(1_000);
  });
});

test('a database with only foreign keys is left as it was', async () => {
  const { client, redis, server } = await start();
  await client.mset(Object.fromEntries(Array.from({ length: 3_000 }, (_, index) => [`app:${index}`, 'x'])));
  const summary = await runSweep('sessions', rig(redis, settingsFor({ REDIS_URL: server.appUrl })));
  expect(summary).toMatchObject({ examined: 3_000, figures: { matched: 0 }, faults: [] });
  expect(await withoutTtl(client, '*')).toHaveLength(3_000);
});
