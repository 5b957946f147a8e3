import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type RunningRedis, startRedis } from '../../local/servers';
import * as cacheScripts from '../../src/cache/entry/cache-scripts';
import { entryTail } from '../../src/cache/entry/entry-format';
import { silentLogger } from '../../src/logger';
import { createRedis, type RedisHandle, type Script } from '../../src/redis';
import * as sessionScripts from '../../src/sessions/record/session-scripts';
import { redisSettings } from './recorder';

const ROOT = join(__dirname, '../..');
const DECLARING = ['src/cache/entry/cache-scripts.ts', 'src/sessions/record/session-scripts.ts'];

let server: RunningRedis;
let redis: RedisHandle;
beforeAll(async () => {
  server = await startRedis();
  redis = createRedis({ settings: redisSettings({ REDIS_URL: server.appUrl }), logger: silentLogger, role: 'test' });
});
afterAll(async () => {
  await redis.close();
  await server.stop();
});

const version = (micros: number) => `${String(micros).padStart(16, '0')}000`;
const client = () => redis.client('cache') as import('ioredis').Redis;
const keysOf = (name: string) => ['', ':lease', ':settled'].map((companion) => `cache:{${name}}${companion}`);
const run = <T>(script: Script<T>, keys: readonly string[], args: readonly (string | number)[]) =>
  redis.run('cache', script, keys, args);

/** A dirty entry of this version. */
const write = (keys: readonly string[], micros: number) =>
  run(cacheScripts.putScript, keys, [
    version(micros),
    '000',
    version(0),
    'any',
    '1',
    0,
    60_000,
    60_000,
    entryTail(0, [], '{}'),
  ]);

/** By script: it runs, then what a caller may do next, then the first copy of it comes late. Gives what it must leave alone. */
const cases: Readonly<Record<string, () => Promise<void>>> = {
  async 'release-2'() {
    const keys = keysOf('release');
    await client().set(keys[1] as string, 'mine');
    const release = () => run(cacheScripts.releaseScript, keys, ['mine', 0, '']);
    expect(await release()).toBe(1);
    await client().set(keys[1] as string, 'of another');
    expect(await release()).toBe(0);
    expect(await client().get(keys[1] as string)).toBe('of another');
  },
  async 'take-version-2'() {
    const before = await client().dbsize();
    const take = () => run(cacheScripts.takeVersionScript, keysOf('take'), ['000', version(0)]);
    const first = await take();
    expect((await take()) > first).toBe(true);
    expect(await client().dbsize()).toBe(before);
  },
  async 'drop-3'() {
    const keys = keysOf('drop');
    const drop = () => run(cacheScripts.dropScript, keys, [version(2), '', 60_000]);
    await write(keys, 1);
    expect(await drop()).toBe(1);
    expect(await drop()).toBe(0);
    await write(keys, 3);
    await drop();
    expect(await client().exists(keys[0] as string)).toBe(1);
  },
  async 'ensure-generation-1'() {
    const ensure = () => run(cacheScripts.ensureGenerationScript, ['cache:{ensure}'], [0, 60_000, 0]);
    expect(await ensure()).toBe(await ensure());
  },
  async 'advance-generation-1'() {
    const advance = () => run(cacheScripts.advanceGenerationScript, ['cache:{advance}'], [0, 60_000, 0, 0]);
    const first = Number(await advance());
    expect(Number(await advance())).toBeGreaterThan(first);
  },
  async save() {
    const key = await session('save');
    const [, saved] = await run(sessionScripts.put, [key], [60_000, 60_000, 0, '-'.repeat(39), '{}', '{}', 0]);
    const save = () => run(sessionScripts.save, [key], [saved as string, 60_000, 60_000, '{"mine":1}']);
    const [outcome, next] = await save();
    expect(outcome).toBe('saved');
    expect(await save()).toEqual(['conflict', expect.stringContaining('{"mine":1}')]);
    await run(sessionScripts.save, [key], [next as string, 60_000, 60_000, '{"of":"another"}']);
    expect(await save()).toEqual(['conflict', expect.stringContaining('{"of":"another"}')]);
    await client().del(key);
    expect(await save()).toEqual(['gone']);
    expect(await client().exists(key)).toBe(0);
  },
  async touch() {
    const key = await session('touch');
    const touch = () => run(sessionScripts.touch, [key], [60_000]);
    expect([await touch(), await touch()]).toEqual([1, 1]);
    await client().del(key);
    expect(await touch()).toBe(0);
    expect(await client().exists(key)).toBe(0);
  },
};

async function session(name: string): Promise<string> {
  const key = `sess:${name}`;
  await run(sessionScripts.put, [key], [60_000, 60_000, 0, '-'.repeat(39), '{}', '{}', 0]);
  return key;
}

const declared = [...Object.values(cacheScripts), ...Object.values(sessionScripts)]
  .filter(({ writes, repeatable }) => writes && repeatable)
  .map(({ name }) => name)
  .sort();

test('docs/redis.md lists the writing scripts that are sent a second time, and no other', () => {
  const [, section = ''] = readFileSync(join(ROOT, 'docs/redis.md'), 'utf8').split('\n## What is sent a second time\n');
  const listed = [...(section.split('\n## ')[0] ?? '').matchAll(/^\| `([^`]+)` \|/gm)].map(([, name]) => name);
  expect(listed.sort()).toEqual(declared);
  const sources = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' }).map((name) => `src/${name}`);
  const declares = /defineScript[^;]*repeatable: true|on\w+<[^;]*repeatable: true/;
  const declaring = sources.filter(
    (name) => name.endsWith('.ts') && declares.test(readFileSync(join(ROOT, name), 'utf8')),
  );
  expect(declaring.sort()).toEqual(DECLARING);
});

test.each(declared)('%s does no harm a second time, nor late', async (name) => {
  await cases[name]?.();
  expect(Object.keys(cases).sort()).toEqual(declared);
});
