import { createHash } from 'node:crypto';
import { Redis } from 'ioredis';
import { type RunningRedis, startRedis } from '../../local/servers';
import type { SessionsFindings } from '../../src/hygiene/sessions/sessions-sweep';
import type { RedisHandle } from '../../src/redis';
import { redisFor, rig, runSweep, settingsFor } from './drive';

let server: RunningRedis;
let client: Redis;
let redis: RedisHandle;
let environment: Record<string, string>;

beforeAll(async () => {
  server = await startRedis();
  client = new Redis(server.adminUrl);
  environment = { REDIS_URL: server.appUrl };
  redis = redisFor(environment);
});

afterAll(async () => {
  await redis.close();
  client.disconnect();
  await server.stop();
});

beforeEach(() => client.flushall());

const json = (maxAge: number) => JSON.stringify({ cookie: { originalMaxAge: maxAge }, user: 'x'.repeat(50) });
const DAY = 86_400;

function ours(now: number, { idleMs, endsInMs, seenMs = 0 }: { idleMs: number; endsInMs: number; seenMs?: number }) {
  const ms = (value: number) => String(value).padStart(13, '0');
  const times = [now, now + endsInMs, now - seenMs, idleMs, now].map(ms).join(' ');
  return `cs1 s ${String(now * 1_000).padStart(16, '0')} ${times} ${'-'.repeat(39)}\n{}\n{"a":1}`;
}

describe.each(['script', 'commands'])('the sessions sweep by %s', (way) => {
  const settings = () => settingsFor({ ...environment, SWEEP_PAGES: way, SWEEP_INSPECT_EVERY: '1' });

  test('gives sessions without a TTL the default life and leaves all else as it was', async () => {
    const pipeline = client.pipeline();
    for (let index = 0; index < 3_000; index += 1) {
      if (index % 10 === 0) pipeline.set(`sess:${index}`, '{}');
      else pipeline.set(`sess:${index}`, '{}', 'EX', 500);
      pipeline.set(`other:${index}`, 'foreign');
    }
    await pipeline.exec();
    const summary = await runSweep('sessions', rig(redis, settings()));
    expect(summary).toMatchObject({ examined: 6_000, faults: [], restarts: 0, rescans: 0 });
    expect(summary.figures).toMatchObject({ matched: 3_000, missing: 300, given: 300, over: 0, capped: 0 });
    for (let index = 0; index < 3_000; index += 1) {
      const ttl = await client.ttl(`sess:${index}`);
      if (index % 10 === 0) expect(ttl).toBeGreaterThan(DAY - 60);
      else expect(ttl).toBeLessThanOrEqual(500);
      expect(await client.ttl(`other:${index}`)).toBe(-1);
    }
    const { sample } = summary.findings as SessionsFindings;
    expect(sample).toHaveLength(20);
    const hashes = new Set(
      Array.from({ length: 300 }, (_, index) =>
        createHash('sha1')
          .update(`sess:${index * 10}`)
          .digest('hex'),
      ),
    );
    for (const hash of sample) expect(hashes.has(hash)).toBe(true);
  });

  test("takes a record's own idle time and end over the default", async () => {
    const now = Date.now();
    await client.set('sess:cookie', json(600_000));
    await client.set('sess:idle', ours(now, { idleMs: 900_000, endsInMs: 5_000_000 }));
    await client.set('sess:ends', ours(now, { idleMs: 900_000, endsInMs: 60_000 }));
    await client.set('sess:no-idle', ours(now, { idleMs: 0, endsInMs: 7_000_000 }));
    await client.set('sess:over', ours(now, { idleMs: 1_000, endsInMs: 5_000_000, seenMs: 60_000 }));
    await runSweep('sessions', rig(redis, settings()));
    const ttl = async (key: string) => client.pttl(`sess:${key}`);
    expect(await ttl('cookie')).toBeCloseTo(600_000, -5);
    expect(await ttl('idle')).toBeCloseTo(900_000, -5);
    expect(await ttl('ends')).toBeCloseTo(60_000, -5);
    expect(await ttl('no-idle')).toBeCloseTo(7_000_000, -5);
    expect(await ttl('over')).toBeLessThanOrEqual(1_000);
  });

  test('caps a TTL beyond the absolute lifetime', async () => {
    await client.set('sess:long', '{}', 'EX', 400 * DAY);
    await client.set('sess:fine', '{}', 'EX', 6 * DAY);
    const summary = await runSweep('sessions', rig(redis, settings()));
    expect(summary.figures).toMatchObject({ over: 1, capped: 1, missing: 0 });
    expect(await client.ttl('sess:long')).toBeLessThanOrEqual(7 * DAY);
    expect(await client.ttl('sess:fine')).toBeGreaterThan(5 * DAY);
  });

  test('counts damaged, oversized and other types, and gives them a TTL as well', async () => {
    await client.set('sess:damaged', 'not a session', 'EX', 100);
    await client.set('sess:cut', 'cs1 s 12', 'EX', 100);
    await client.set('sess:sound', '{"a":1}', 'EX', 100);
    await client.set('sess:large', `{"a":"${'x'.repeat(70_000)}"}`);
    await client.hset('sess:hash', 'a', '1');
    await client.sadd('sess:set', 'a');
    const summary = await runSweep('sessions', rig(redis, settings()));
    expect(summary.figures).toMatchObject({ matched: 6, malformed: 2, oversized: 1, otherTypes: 2, given: 3 });
    for (const key of ['large', 'hash', 'set']) expect(await client.ttl(`sess:${key}`)).toBeGreaterThan(0);
  });

  test("heals users' indexes a bounded number of members at a time, and never caps what belongs to a user", async () => {
    const now = Date.now();
    const index = 'sess:user:{abc}:sessions';
    const pipeline = client.pipeline();
    for (let member = 0; member < 1_500; member += 1) pipeline.zadd(index, now - 1_000, `old-${member}`);
    pipeline.zadd(index, now + 60_000, 'alive');
    pipeline.set('sess:user:{abc}:generation', 'g', 'EX', 300 * DAY);
    await pipeline.exec();
    const first = await runSweep('sessions', rig(redis, settings()));
    expect(first.figures).toMatchObject({ indexes: 1, pruned: 1_000, capped: 0, given: 1 });
    const second = await runSweep('sessions', rig(redis, settings()));
    expect(second.figures).toMatchObject({ pruned: 500 });
    expect(await client.zrange(index, '0', '-1')).toEqual(['alive']);
    expect(await client.ttl(index)).toBeGreaterThan(13 * DAY);
    expect(await client.ttl('sess:user:{abc}:generation')).toBeGreaterThan(299 * DAY);
  });

  test('a dry run reports the same and changes nothing', async () => {
    await client.set('sess:none', '{}');
    await client.set('sess:long', '{}', 'EX', 400 * DAY);
    await client.zadd('sess:user:{abc}:sessions', 1, 'old');
    const summary = await runSweep('sessions', rig(redis, settings()), { dryRun: true });
    expect(summary.figures).toMatchObject({ missing: 2, over: 1, given: 0, capped: 0, pruned: 0 });
    expect((summary.findings as SessionsFindings).sample).toHaveLength(3);
    expect(await client.ttl('sess:none')).toBe(-1);
    expect(await client.ttl('sess:long')).toBeGreaterThan(300 * DAY);
    expect(await client.zcard('sess:user:{abc}:sessions')).toBe(1);
  });

  test('fixes keys whose names are not text', async () => {
    const names = [Buffer.from('sess:\0\xff', 'latin1'), Buffer.from('sess:\n\r{}*', 'latin1'), Buffer.from('sess:ü')];
    const foreign = Buffer.from([0xff, 0xfe, 0]);
    for (const name of [...names, foreign]) await client.set(name, '{}');
    const summary = await runSweep('sessions', rig(redis, settings()));
    expect(summary.figures).toMatchObject({ matched: 3, given: 3 });
    for (const name of names) expect(await client.ttl(name)).toBeGreaterThan(0);
    expect(await client.ttl(foreign)).toBe(-1);
  });

  test('ends at once if there is nothing, or nothing of ours', async () => {
    expect(await runSweep('sessions', rig(redis, settings()))).toMatchObject({ examined: 0, faults: [] });
    await client.set('other', '1');
    expect((await runSweep('sessions', rig(redis, settings()))).figures).toMatchObject({ matched: 0 });
  });
});
