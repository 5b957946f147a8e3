import { Redis } from 'ioredis';
import { addUser, findValkey, type RunningRedis, startRedis } from '../../local/servers';
import { labelOf } from '../../src/hygiene/census/census-labels';
import { censusReport } from '../../src/hygiene/census/census-report';
import { trend } from '../../src/hygiene/census/census-sweep';
import { addGroups, type CensusFindings, emptyTally, topGroups } from '../../src/hygiene/census/census-tally';
import type { SweepRecord } from '../../src/hygiene/records/sweep-record';
import type { RedisHandle } from '../../src/redis';
import { aclRules, COMMANDS } from '../../src/redis/auth/acl';
import { redisFor, rig, runSweep, settingsFor } from './drive';

const labels: [key: string, label: string][] = [
  ['cache:{user:profile:42}', 'user:profile'],
  ['cache:{user:profile:42:name:first}', 'user:profile'],
  ['cache:{user:profile}', 'user:profile'],
  ['cache:{memo:report:abc}', 'memo:report'],
  ['cache:{user:profile:42}:lease', 'cache companions'],
  ['cache:{cache:api:endpoint:/users:page1}', 'cache:api'],
  ['cache:{user:a%20b:1}', 'user:a%20b'],
  [`cache:{user:${'x'.repeat(80)}:1}`, '(other)'],
  ['cache:{user:ü:1}', '(other)'],
  ['cache:{user:profile:42', '(other)'],
  ['cache:epoch:{t:red}', 'cache epochs'],
  ['cache:other', 'cache:'],
  ['sess:abc', 'sessions'],
  ['sess:user:{abc}:sessions', 'session users'],
  ['work:{counters}', 'work:'],
  ['app:v1:user:7', 'app:'],
  ['my-app_2.x:user', 'my-app_2.x:'],
  ['plain', '(other)'],
  ['', '(other)'],
  [':x', '(other)'],
  ['{tag}:x', '(other)'],
  ['\u0001\u0002:x', '(other)'],
  [`${'y'.repeat(61)}:x`, '(other)'],
];

test.each(labels)('the group of %j is %s', (key, label) => {
  expect(labelOf(key, 'sess:')).toBe(label);
});

describe.each(['script', 'commands'])('the census by %s', (way) => {
  let server: RunningRedis;
  let client: Redis;
  let redis: RedisHandle;
  let url: string;
  const settings = () => settingsFor({ REDIS_URL: url, SWEEP_PAGES: way });

  beforeAll(async () => {
    server = await startRedis({ args: ['--maxmemory', '2gb'] });
    client = new Redis(server.adminUrl);
    // As docs/security.md has it where the census is to look at keys of others too.
    url = await addUser(server.adminUrl, 'reader', [...aclRules(COMMANDS.app), '%R~*']);
    redis = redisFor({ REDIS_URL: url });
  });
  afterAll(async () => {
    await redis.close();
    client.disconnect();
    await server.stop();
  });
  beforeEach(() => client.flushall());

  const census = async () => {
    const summary = await runSweep('census', rig(redis, settings()));
    return { summary, report: censusReport(summary.findings as CensusFindings) };
  };

  test('labels keys as the table says', async () => {
    for (const [key] of labels.filter(([name]) => name !== '')) await client.set(key, '1');
    const { report } = await census();
    const expected = new Map<string, number>();
    for (const [key, label] of labels.filter(([name]) => name !== '')) {
      expected.set(label, (expected.get(label) ?? 0) + 1);
      expect(key).not.toBe('');
    }
    expect(Object.fromEntries(report.groups.map(({ label, keys }) => [label, keys]))).toEqual(
      Object.fromEntries(expected),
    );
  });

  test('counts keys, TTLs and types exactly, and memory within its stated bound', async () => {
    const fill = `
      for i = tonumber(ARGV[1]), tonumber(ARGV[2]) do
        redis.call('SET', 'cache:{user:profile:' .. i .. '}', string.rep('v', (i * 7919) % 900), 'EX', 3000 + i % 20)
        redis.call('SET', 'sess:' .. i, string.rep('s', (i * 104729) % 300))
        if i % 10 == 0 then redis.call('HSET', 'app:h' .. i, 'a', i, 'b', string.rep('h', i % 50)) end
      end`;
    await client.eval(fill, 0, 1, 10_000);
    await client.rpush('app:list', ...Array.from({ length: 100 }, (_, index) => `${index}`));
    await client.sadd('app:set', 'a');
    await client.zadd('app:zset', 1, 'a');
    await client.xadd('app:stream', '*', 'a', '1');
    const { summary, report } = await census();
    expect(summary.faults).toEqual([]);
    const by = Object.fromEntries(report.groups.map((group) => [group.label, group]));
    expect(by['user:profile']).toMatchObject({ keys: 10_000, withoutTtl: 0, types: { string: 10_000 } });
    expect(by['user:profile']?.ttl).toMatchObject({ '1h': 10_000, none: 0 });
    expect(by.sessions).toMatchObject({ keys: 10_000, withoutTtl: 10_000 });
    expect(by['app:']).toMatchObject({ keys: 1_004, types: { hash: 1_000, list: 1, set: 1, zset: 1, stream: 1 } });
    expect(report.total.keys).toBe(21_004);
    expect(summary.figures).toMatchObject({ keys: 21_004, keysWithoutTtl: 11_004, capacityBytes: 2 * 2 ** 30 });
    expect(summary.figures.usedBytes).toBeGreaterThan(2_000_000);

    const exact = new Map<string, number>();
    for (const key of await client.keys('*')) {
      const label = labelOf(key, 'sess:');
      exact.set(label, (exact.get(label) ?? 0) + Number(await client.memory('USAGE', key)));
    }
    for (const { label, memory } of report.groups) {
      expect(Math.abs((memory?.bytes ?? 0) - (exact.get(label) ?? 0))).toBeLessThanOrEqual(memory?.errorBytes ?? 0);
      expect(memory!.errorBytes).toBeLessThan(0.1 * memory!.bytes);
    }
    expect(by['app:']?.memory?.errorBytes).toBe(0);
    const total = [...exact.values()].reduce((sum, bytes) => sum + bytes, 0);
    expect(Math.abs(report.total.memory!.bytes - total)).toBeLessThanOrEqual(report.total.memory!.errorBytes);
    expect(summary.figures).toMatchObject({ bytes: report.total.memory!.bytes });
  });

  test('names the biggest keys; a session only by its hash, and nothing that could play tricks on a terminal', async () => {
    await client.mset(
      Object.fromEntries(Array.from({ length: 2_000 }, (_, index) => [`app:${index}`, 'x'.repeat(40)])),
    );
    for (let index = 0; index < 12; index += 1)
      await client.set(`app:big-${index}`, 'x'.repeat(10_000 + index * 1_000));
    await client.set('sess:secret-id', 'x'.repeat(100_000));
    await client.set('app:\u001b[31m', 'x'.repeat(90_000));
    const { report } = await census();
    expect(report.big).toHaveLength(10);
    expect(report.big[0]).toMatchObject({ type: 'string', bytes: 100_000 });
    expect(report.big[0]?.key).toMatch(/^sess:\(sha1 [0-9a-f]{40}\)$/);
    expect(report.big[1]).toEqual({ key: 'app:\\u{1b}[31m', type: 'string', bytes: 90_000 });
    expect(report.big.map(({ key }) => key).slice(2)).toEqual(
      Array.from({ length: 8 }, (_, index) => `app:big-${11 - index}`),
    );
    expect(JSON.stringify(report)).not.toContain('secret-id');
  });

  test('is kept a day, and its line in the history', async () => {
    await client.mset({ 'app:1': '1', 'app:2': '2' });
    const deps = rig(redis, settings());
    await runSweep('census', deps);
    await client.set('app:3', '3');
    const { finishedAt } = await runSweep('census', deps);
    const day = new Date(finishedAt).toISOString().slice(0, 10);
    expect((await deps.records.read(`census/${day}.json`))?.value).toMatchObject({ figures: { keys: 3 } });
    const run = (await deps.records.read<SweepRecord>('census/pass.json'))?.value;
    expect(run?.history.map(({ figures }) => figures.keys)).toEqual([2, 3]);
  });

  test('changes nothing', async () => {
    await client.set('sess:none', '{}');
    await client.set('app:1', '1', 'EX', 1_000);
    await census();
    expect(await client.ttl('sess:none')).toBe(-1);
    expect(await client.ttl('app:1')).toBeGreaterThan(900);
    expect(await client.dbsize()).toBe(2);
  });
});

test('each database of a standalone server is counted once', async () => {
  const server = await startRedis();
  const client = new Redis(server.adminUrl);
  const environment = { REDIS_URL: server.appUrl, REDIS_CACHE_DB: '1', REDIS_WORK_DB: '1' };
  const redis = redisFor(environment);
  try {
    await client.set('sess:1', '{}');
    await client.select(1);
    await client.set('cache:{user:profile:1}', '1');
    await client.set('work:x', '1');
    const summary = await runSweep('census', rig(redis, settingsFor(environment)));
    expect(summary).toMatchObject({ shards: 2, figures: { keys: 3 } });
    expect(summary.figures.usedBytes).toBeLessThan(5_000_000);
  } finally {
    await redis.close();
    client.disconnect();
    await server.stop();
  }
});

test('a server without MEMORY USAGE: counts are exact, and nothing is said of bytes', async () => {
  const server = await startRedis({ args: ['--rename-command', 'MEMORY', ''] });
  const client = new Redis(server.adminUrl);
  const redis = redisFor({ REDIS_URL: server.appUrl });
  try {
    await client.mset({ 'sess:1': '1', 'sess:2': '2' });
    const summary = await runSweep('census', rig(redis, settingsFor({ REDIS_URL: server.appUrl })));
    expect(summary.figures).toMatchObject({ keys: 2 });
    expect(summary.figures.bytes).toBeUndefined();
    expect(censusReport(summary.findings as CensusFindings).total.memory).toBeUndefined();
  } finally {
    await redis.close();
    client.disconnect();
    await server.stop();
  }
});

test('a user who may not ask for memory gets exact counts and no bytes', async () => {
  const server = await startRedis({ refusals: 'expected' });
  const client = new Redis(server.adminUrl);
  const commands = COMMANDS.app.filter((command) => command !== 'memory|usage');
  const environment = { REDIS_URL: await addUser(server.adminUrl, 'sweeper', aclRules(commands)) };
  const redis = redisFor(environment);
  try {
    await client.mset({ 'sess:1': '1', 'sess:2': '2' });
    const summary = await runSweep('census', rig(redis, settingsFor(environment)));
    expect(summary.figures).toMatchObject({ keys: 2 });
    expect(summary.figures.bytes).toBeUndefined();
  } finally {
    await redis.close();
    client.disconnect();
    await server.stop();
  }
});

test.each([
  ['script', 'Redis'],
  ['commands', 'Redis'],
  ['script', 'Valkey'],
])('keys that the user may not touch are counted, and that is said of them (%s, %s)', async (way, product) => {
  const program = product === 'Valkey' ? await findValkey() : undefined;
  const server = await startRedis({ ...(program && { program }), refusals: 'expected' });
  const client = new Redis(server.adminUrl);
  const settings = settingsFor({ REDIS_URL: server.appUrl, SWEEP_PAGES: way });
  const redis = redisFor({ REDIS_URL: server.appUrl });
  try {
    await client.mset({ 'sess:1': '{}', 'app:1': '1', 'app:2': '2' });
    const summary = await runSweep('census', rig(redis, settings));
    expect(summary).toMatchObject({ examined: 3, faults: [], figures: { keys: 3, keysWithoutTtl: 1 } });
    const { groups, total } = censusReport(summary.findings as CensusFindings);
    expect(groups).toMatchObject([
      { label: '(no access)', keys: 2, withoutTtl: 0, types: {} },
      { label: 'sessions', keys: 1, memory: { measuredKeys: 1 } },
    ]);
    for (const unknown of [groups[0], total]) expect(unknown).not.toHaveProperty('memory');
  } finally {
    await redis.close();
    client.disconnect();
    await server.stop();
  }
});

test('of more groups than are kept, the smallest are added up, and no key is lost', () => {
  const findings: CensusFindings = { groups: {}, big: [], measured: true };
  let keys = 0;
  for (let group = 0; group < 1_000; group += 1) {
    const tally = emptyTally();
    tally[0] = group + 1;
    keys += group + 1;
    addGroups(findings, { groups: { [`g${group}:`]: tally }, big: [], measured: true });
  }
  expect(Object.keys(findings.groups).length).toBeLessThanOrEqual(201);
  const report = censusReport(findings);
  expect(report.groups).toHaveLength(51);
  expect(report.groups[0]?.label).toBe('g999:');
  expect(report.groups.at(-1)?.label).toBe('(overflow)');
  expect(report.total.keys).toBe(keys);
  expect(Object.keys(topGroups({ a: emptyTally() }, 5))).toEqual(['a']);
});

describe('the trend', () => {
  const DAY = 86_400_000;
  const line = (day: number, keys: number, usedBytes: number) => ({
    at: day * DAY,
    figures: { keys, usedBytes, capacityBytes: 1_000 },
  });
  test('is a straight line through the last 30 days', () => {
    const history = [
      line(0, 9_999, 9_999),
      ...Array.from({ length: 10 }, (_, day) => line(40 + day, day * 5, 100 + day * 10)),
    ];
    const result = trend(history);
    expect(result.keysPerDay).toBeCloseTo(5);
    expect(result.usedBytesPerDay).toBeCloseTo(10);
    expect(result.daysUntilFull).toBeCloseTo((1_000 - 190) / 10);
  });
  test('says nothing before there is a day between two censuses', () => {
    expect(trend([])).toEqual({});
    expect(trend([line(1, 1, 1)])).toEqual({});
    expect(trend([line(1, 1, 1), line(1.9, 2, 2)])).toEqual({});
  });
  test('names no day where memory shrinks or has no limit', () => {
    expect(trend([line(1, 1, 100), line(3, 1, 50)])).not.toHaveProperty('daysUntilFull');
    const free = [line(1, 1, 100), line(3, 1, 200)].map(({ at, figures }) => ({
      at,
      figures: { ...figures, capacityBytes: 0 },
    }));
    expect(trend(free)).not.toHaveProperty('daysUntilFull');
  });
});
