import { Command } from 'commander';
import { Redis } from 'ioredis';
import { type RunningRedis, startRedis, startRedisCluster } from '../../local/servers';
import { registerSweep } from '../../src/cli/commands/sweep-command';
import type { CliIo } from '../../src/cli/io';
import { onEveryKey } from './drive';

let server: RunningRedis;
let client: Redis;
/** A person on call, whose rights are not only ours. */
let operatorUrl: string;

beforeAll(async () => {
  server = await startRedis({ refusals: 'expected' });
  client = new Redis(server.adminUrl);
  operatorUrl = await onEveryKey(server);
});
afterAll(async () => {
  client.disconnect();
  await server.stop();
});
beforeEach(() => client.flushall());

async function run(args: string[], { isTerminal = false, env = {} as Record<string, string> } = {}) {
  const out: string[] = [];
  const err: string[] = [];
  let code = -1;
  const io: CliIo = {
    out: (line) => void out.push(line),
    err: (line) => void err.push(line),
    env,
    isTerminal,
    exit: (status) => {
      code = status;
    },
  };
  const program = new Command().exitOverride();
  registerSweep(program, io);
  await program.parseAsync(['sweep', ...args], { from: 'user' });
  return { out, err, code };
}

const fast = ['--duty', '100%'];

test('gives sessions of any Redis a TTL, and says so', async () => {
  await client.mset({ 'sess:1': '{}', 'sess:2': '{}', 'app:1': 'x' });
  const { out, code } = await run(['--url', server.appUrl, ...fast]);
  expect(code).toBe(0);
  expect(out.join('\n')).toMatch(/^sessions: 3 keys on 1 server in /);
  expect(out.join('\n')).toMatch(/given a TTL +2/);
  expect(await client.ttl('sess:1')).toBeGreaterThan(0);
  expect(await client.ttl('app:1')).toBe(-1);
});

test('a dry run says what would be done', async () => {
  await client.set('sess:1', '{}');
  const { out, code } = await run(['sessions', '--dry-run', '--json'], { env: { REDIS_URL: server.appUrl } });
  expect(code).toBe(0);
  const result = JSON.parse(out.join('\n'));
  expect(result).toMatchObject({ pass: 'sessions', dryRun: true, figures: { missing: 1, given: 0 }, faults: [] });
  expect(result.sample).toHaveLength(1);
  expect(await client.ttl('sess:1')).toBe(-1);
});

test('--match names the beginning of the sessions, and the database stands in the URL', async () => {
  await client.select(3);
  await client.mset({ 'app[1]:sess:1': '{}', 'sess:1': '{}' });
  const { out } = await run(['--url', `${operatorUrl}/3`, '--match', 'app:sess:*', '--json', ...fast]);
  expect(JSON.parse(out.join('\n'))).toMatchObject({ examined: 2, figures: { matched: 0 } });
  await client.set('app:sess:1', '{}');
  await run(['--url', `${operatorUrl}/3`, '--match', 'app:sess:*', ...fast]);
  expect(await client.ttl('app:sess:1')).toBeGreaterThan(0);
  expect(await client.ttl('sess:1')).toBe(-1);
  await client.select(0);
});

test.each(['script', 'commands'])('--match takes any glob, and users keep what is theirs (%s)', async (way) => {
  const env = { SWEEP_PAGES: way };
  const generation = 'app:t1:sess:user:{x}:generation';
  const others = ['app:t1:other:1', 'app:t3:sess:1', 'app[1]:sess:1', 'sess:1'];
  await client.mset(Object.fromEntries(['app:t1:sess:1', 'app:t2:sess:ü', ...others].map((key) => [key, '{}'])));
  await client.set(generation, 'g', 'EX', 300 * 86_400);
  const match = ['--match', 'app:t[12]:sess:*', '--url', operatorUrl, '--json', ...fast];
  const dry = await run([...match, '--dry-run'], { env });
  const seen = { matched: 3, missing: 2, over: 0 };
  expect(JSON.parse(dry.out.join('\n'))).toMatchObject({ examined: 7, figures: { ...seen, given: 0 }, faults: [] });
  const real = await run(match, { env });
  expect(JSON.parse(real.out.join('\n'))).toMatchObject({ examined: 7, figures: { ...seen, given: 2 }, faults: [] });
  for (const key of ['app:t1:sess:1', 'app:t2:sess:ü']) expect(await client.ttl(key)).toBeGreaterThan(0);
  for (const key of others) expect(await client.ttl(key)).toBe(-1);
  expect(await client.ttl(generation)).toBeGreaterThan(299 * 86_400);
  await run(['--match', 'app\\[1\\]:*', '--url', operatorUrl, ...fast], { env });
  expect(await client.ttl('app[1]:sess:1')).toBeGreaterThan(0);
});

test.each(['script', 'commands'])(
  'sessions that the user has no rights to are no sessions without fault (%s)',
  async (way) => {
    await client.set('app:sess:1', '{}');
    const swept = run(['--match', 'app:sess:*', '--url', server.appUrl, ...fast], { env: { SWEEP_PAGES: way } });
    await expect(swept).rejects.toMatchObject({ code: 'E_SWEEP_RIGHTS', message: expect.stringContaining('NOPERM') });
  },
);

test("a beginning that the usual sessions' keys share hides no user's key", async () => {
  const generation = 'sess:user:{x}:generation';
  await client.set(generation, 'g', 'EX', 300 * 86_400);
  await client.set('sess:u1', '{}');
  await run(['--match', 'sess:u*', '--url', server.appUrl, ...fast]);
  expect(await client.ttl('sess:u1')).toBeGreaterThan(0);
  expect(await client.ttl(generation)).toBeGreaterThan(299 * 86_400);
});

test.each([['script'], ['commands']])(
  'the census prints groups and the biggest keys, of some keys only (%s)',
  async (way) => {
    await client.mset({ 'app:1': 'x', 'app:2': 'x'.repeat(50_000), 'other:1': 'x' });
    const env = { SWEEP_PAGES: way };
    const all = await run(['census', '--url', operatorUrl, ...fast], { env });
    expect(all.out.join('\n')).toMatch(/app: +2 +100\.0 % +0\.05 ± 0\.00 MB/);
    expect(all.out.join('\n')).toMatch(/50,000 bytes {2}string {2}app:2/);
    const some = await run(['census', '--url', operatorUrl, '--match', 'app:*', '--json', ...fast], { env });
    const { census } = JSON.parse(some.out.join('\n'));
    expect(census.groups.map(({ label }: { label: string }) => label)).toEqual(['app:']);
    const globbed = await run(['census', '--url', operatorUrl, '--match', '*:[1]', '--json', ...fast], { env });
    expect(JSON.parse(globbed.out.join('\n'))).toMatchObject({ examined: 3, figures: { keys: 2 } });
  },
);

test('reclaim finds the prefixes that were invalidated by itself', async () => {
  const createdAt = String(Date.now() - 5_000).padStart(13, '0');
  const entry = `A0${'1'.repeat(19)}${createdAt}${createdAt}000000${'0000'}{}`;
  await client.mset({ 'cache:{user:profile:1}': entry, 'cache:{product:x:1}': entry, 'app:1': 'x' });
  await client.set('cache:epoch:{p:user:profile:}', String(Date.now()));
  const none = await run(['reclaim', '--url', server.appUrl, '--match', '*{product:*', '--json', ...fast]);
  expect(JSON.parse(none.out.join('\n'))).toMatchObject({ figures: { entries: 1, dead: 0, unlinked: 0 } });
  const { out } = await run(['reclaim', '--url', server.appUrl, '--json', ...fast]);
  expect(JSON.parse(out.join('\n'))).toMatchObject({ figures: { entries: 2, dead: 1, unlinked: 1 } });
  expect((await client.keys('*')).sort()).toEqual(['app:1', 'cache:epoch:{p:user:profile:}', 'cache:{product:x:1}']);
});

test('several databases of a server are one server', async () => {
  const env = { REDIS_URL: operatorUrl, REDIS_SESSIONS_DB: '0', REDIS_CACHE_DB: '1' };
  const { out } = await run(['census', ...fast], { env });
  expect(out[0]).toMatch(/^census: [\d,]+ keys on 1 server in /);
  const json = await run(['census', '--json', ...fast], { env });
  expect(JSON.parse(json.out.join('\n')).shards).toBeGreaterThan(1);
});

test('a terminal is shown a bar that ends full', async () => {
  await client.mset(Object.fromEntries(Array.from({ length: 2_000 }, (_, index) => [`sess:${index}`, '{}'])));
  const { err } = await run(['--url', server.appUrl, ...fast], { isTerminal: true });
  expect(err.at(-1)).toMatch(/\[#{30}\] sessions 100\.0 %, 2,000 of 2,000 keys/);
});

test('a node of a cluster stands for the whole cluster', async () => {
  const cluster = await startRedisCluster({ masters: 3 });
  try {
    const { out } = await run(['--url', cluster.nodes[1]!.appUrl, '--json', ...fast]);
    expect(JSON.parse(out.join('\n'))).toMatchObject({ shards: 3, faults: [] });
  } finally {
    await cluster.stop();
  }
});

test.each([
  [['nothing'], /Expected one of sessions, census, reclaim/],
  [['--duty', '0'], /Expected --duty/],
  [['--duty', '101%'], /Expected --duty/],
  [['--match', '*'], /Expected --match/],
  [['--match', '*?'], /Expected --match/],
  [['--url', 'nonsense'], /Expected --url .*masked/],
  [['--url', 'redis://:secret@h/x'], /number of a database.*masked/],
])('%p is a wrong call', async (args, message) => {
  const { err, code } = await run(['--url', server.appUrl, ...args]);
  expect(code).toBe(2);
  expect(err.join('\n')).toMatch(message);
  expect(err.join('\n')).not.toContain('secret');
});

test('an unreachable Redis fails with one clear error', async () => {
  await expect(run(['--url', 'redis://127.0.0.1:1'])).rejects.toMatchObject({ code: 'E_REDIS_UNAVAILABLE' });
});
