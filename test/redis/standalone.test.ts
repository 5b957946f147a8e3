import { Redis } from 'ioredis';
import { type RunningRedis, startRedis } from '../../local/servers';
import { capabilitiesOf, createCounters, createRedis, type RedisHandle, readCounters } from '../../src/redis';
import { recordingLogger, redisSettings } from './recorder';
import { bump, peek } from './scripts';

let server: RunningRedis;
const handles: RedisHandle[] = [];
// ioredis prints what no listener took.
const unheard = jest.spyOn(console, 'error');

beforeAll(async () => {
  server = await startRedis();
});
afterEach(async () => {
  await Promise.all(handles.splice(0).map((handle) => handle.close()));
});
afterAll(async () => {
  await server.stop();
  expect(unheard).not.toHaveBeenCalled();
});

function open(environment: Record<string, string> = {}, clock?: { now(): number }) {
  const recorder = recordingLogger();
  const redis = createRedis({
    settings: redisSettings({ REDIS_URL: server.appUrl, ...environment }),
    logger: recorder.logger,
    role: 'test',
    ...(clock && { clock }),
  });
  handles.push(redis);
  return { redis, ...recorder };
}

async function connectionsNamed(part: string): Promise<string[]> {
  const { redis } = open();
  const list = String(await redis.client('sessions').call('CLIENT', 'LIST'));
  return [...list.matchAll(/ name=(\S+)/g)].map((match) => match[1] ?? '').filter((name) => name.includes(part));
}

test('nothing connects before the first use', async () => {
  const recorder = recordingLogger();
  const settings = redisSettings({ REDIS_URL: server.appUrl });
  const redis = createRedis({ settings, logger: recorder.logger, role: 'idle' });
  redis.client('cache');
  expect(await connectionsNamed(':idle:')).toEqual([]);
  await redis.close();
});

test('each store has a database and a named connection of its own', async () => {
  const { redis } = open();
  await redis.ready();
  await redis.run('cache', bump, ['cache:own:a'], [3]);
  expect(await redis.within(redis.client('work').get('cache:own:a'))).toBeNull();
  expect(await redis.within(redis.client('cache').get('cache:own:a'))).toBe('3');
  expect((await connectionsNamed(':test:')).slice().sort()).toEqual(
    expect.arrayContaining(['cache-steward:test:cache', 'cache-steward:test:sessions', 'cache-steward:test:work']),
  );
});

test('stores in the same database share one connection', async () => {
  const { redis } = open({ REDIS_SESSIONS_DB: '3', REDIS_CACHE_DB: '3', REDIS_WORK_DB: '3' });
  expect(redis.client('sessions')).toBe(redis.client('work'));
  await redis.ready();
  expect(redis.events.ready).toBe(1);
  expect(await connectionsNamed(':test:all')).toEqual(['cache-steward:test:all']);
});

test('a script is sent as text to a server that has forgotten it', async () => {
  const { redis } = open();
  expect(await redis.run('cache', bump, ['cache:noscript'], [1])).toBe(1);
  const admin = new Redis(server.adminUrl);
  await admin.script('FLUSH');
  admin.disconnect();
  expect(await redis.run('cache', bump, ['cache:noscript'], [1])).toBe(2);
  expect(await redis.run('cache', peek, ['cache:noscript'], [])).toBe('2');
});

test('a script may answer with bytes', async () => {
  const { redis } = open();
  const bytes = Buffer.from([0xff, 0x00, 0xfe]);
  await redis.client('cache').set('cache:bytes', bytes);
  expect(await redis.run('cache', peek as never, ['cache:bytes'], [], { buffers: true })).toEqual(bytes);
});

test('an error of the server itself stays what it is', async () => {
  const { redis } = open();
  await redis.client('cache').zadd('cache:set', 1, 'x');
  await expect(redis.run('cache', bump, ['cache:set'], [1])).rejects.toThrow(/WRONGTYPE/);
});

test('a script that arrives after its deadline changes nothing', async () => {
  const { redis } = open();
  await redis.ready();
  const late = redis.client('cache').eval(bump.lua, 1, 'cache:late', Date.now() - 10, 1);
  await expect(redis.within(late)).rejects.toMatchObject({ code: 'E_DEADLINE', refused: true });
  expect(await redis.client('cache').get('cache:late')).toBeNull();
});

test('a local clock that is hours off changes no deadline', async () => {
  const { redis } = open({}, { now: () => Date.now() - 5 * 3_600_000 });
  expect(await redis.run('cache', bump, ['cache:off'], [1])).toBe(1);
  const { micros, uncertaintyMicros } = redis.serverMicros() ?? { micros: 0, uncertaintyMicros: 0 };
  expect(Math.abs(micros / 1e3 - Date.now())).toBeLessThan(5_000);
  expect(uncertaintyMicros).toBeGreaterThanOrEqual(0);
});

test('when the clocks part, the refused script is tried again with a fresh offset, once', async () => {
  let skew = 0;
  const { redis } = open({}, { now: () => Date.now() + skew });
  await redis.run('cache', bump, ['cache:parted'], [1]);
  skew = -60_000;
  expect(await redis.run('cache', bump, ['cache:parted'], [1])).toBe(2);
  expect(await redis.client('cache').get('cache:parted')).toBe('2');
});

test('a frozen server is an E_DEADLINE, and nothing is applied when it thaws', async () => {
  const { redis } = open({ REDIS_DEADLINE_MS: '200', REDIS_SOCKET_TIMEOUT_MS: '60000' });
  await redis.ready(5_000);
  expect(await redis.run('cache', bump, ['cache:frozen'], [1], { deadlineMs: 5_000 })).toBe(1);
  await server.kill('SIGSTOP');
  try {
    const given = Array.from({ length: 50 }, () => redis.run('cache', bump, ['cache:frozen'], [1]));
    const raw = redis.within(redis.client('cache').get('cache:frozen'));
    for (const result of await Promise.allSettled([...given, raw])) {
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'E_DEADLINE', refused: false } });
    }
  } finally {
    await server.kill('SIGCONT');
  }
  // The same connection: its answer comes after everything that was sent before it.
  expect(await redis.within(redis.client('cache').get('cache:frozen'), { deadlineMs: 5_000 })).toBe('1');
});

test('a connection that stays silent is made again, without a command sent twice', async () => {
  const { redis } = open({ REDIS_DEADLINE_MS: '200', REDIS_SOCKET_TIMEOUT_MS: '300' });
  await redis.ready(5_000);
  const client = redis.client('cache');
  await client.del('cache:silent');
  await server.kill('SIGSTOP');
  const given = Array.from({ length: 10 }, () => client.hincrbyfloat('cache:silent', 'n', 1));
  const outcomes = await Promise.allSettled(given.map((each) => redis.within(each, { deadlineMs: 5_000 })));
  await server.kill('SIGCONT');
  for (const outcome of outcomes) {
    expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'E_REDIS_UNAVAILABLE', sent: true } });
  }
  await redis.ready(5_000);
  expect(Number(await redis.within(client.hget('cache:silent', 'n'), { deadlineMs: 5_000 }))).toBeLessThanOrEqual(10);
});

test('killed and restarted, it is found again, and each change is logged once', async () => {
  const own = await startRedis();
  const { redis, lines, count } = open({
    REDIS_URL: own.appUrl,
    REDIS_SESSIONS_DB: '0',
    REDIS_CACHE_DB: '0',
    REDIS_WORK_DB: '0',
  });
  try {
    await redis.ready();
    const lost = new Promise((resolve) => redis.client('cache').once('reconnecting', resolve));
    await own.kill('SIGKILL');
    await lost;
    await expect(redis.run('cache', bump, ['cache:x'], [1], { deadlineMs: 600 })).rejects.toMatchObject({
      code: 'E_REDIS_UNAVAILABLE',
      sent: false,
      message: expect.stringMatching(
        new RegExp(`^no connection to Redis at 127.0.0.1:${own.port} within \\d+ ms: connect ECONNREFUSED`),
      ),
    });
    const pending = redis.run('cache', bump, ['cache:x'], [1], { deadlineMs: 20_000 });
    await own.restart();
    expect(await pending).toBe(1);
    expect(redis.events.reconnecting).toBeGreaterThan(1);
    expect(count('redis reconnecting')).toBe(1);
    expect(lines.flatMap(({ fields }) => Object.values(fields))).not.toContain(undefined);
    expect(count('redis ready')).toBe(2);
    expect(new Set(lines.filter((line) => line.level === 'error').map((line) => line.fields.error)).size).toBe(
      lines.filter((line) => line.level === 'error').length,
    );
  } finally {
    await own.stop();
  }
});

test('with nobody there, one clear line comes within the deadline, and waiting is bounded', async () => {
  const { redis, lines } = open({ REDIS_URL: 'redis://127.0.0.1:1', REDIS_DEADLINE_MS: '2000' });
  const outcomes = await Promise.allSettled(
    Array.from({ length: 3_000 }, () => redis.run('cache', bump, ['cache:x'], [1])),
  );
  const reasons = outcomes.map((outcome) => (outcome.status === 'rejected' ? outcome.reason : undefined));
  expect(reasons.every((reason) => reason.code === 'E_REDIS_UNAVAILABLE' && reason.sent === false)).toBe(true);
  expect(reasons.filter((reason) => /callers wait for one already/.test(reason.message))).toHaveLength(2_000);
  expect(reasons[0].message).toMatch(
    /^no connection to Redis at 127\.0\.0\.1:1 within \d+ ms: connect ECONNREFUSED 127\.0\.0\.1:1$/,
  );
  expect(lines.filter((line) => line.message === 'redis error')).toHaveLength(1);
  await expect(redis.within(redis.client('cache').get('cache:x'))).rejects.toMatchObject({
    code: 'E_REDIS_UNAVAILABLE',
  });
});

test('commands that wait for a connection are bounded, and not sent once their time is up', async () => {
  const own = await startRedis();
  const { redis } = open({ REDIS_URL: own.appUrl, REDIS_DEADLINE_MS: '3000', REDIS_SOCKET_TIMEOUT_MS: '60000' });
  try {
    await own.kill('SIGSTOP');
    const client = redis.client('cache');
    const given = Array.from({ length: 1_500 }, () => redis.within(client.hincrbyfloat('cache:queued', 'n', 1)));
    const reasons = (await Promise.allSettled(given)).map((each) =>
      each.status === 'rejected' ? each.reason : undefined,
    );
    expect(reasons.every((reason) => reason.code === 'E_REDIS_UNAVAILABLE' && !reason.sent)).toBe(true);
    expect(reasons.filter((reason) => /commands wait for one already/.test(reason.message))).toHaveLength(500);
    expect(reasons.filter((reason) => /within 2700 ms; nothing was sent/.test(reason.message))).toHaveLength(1_000);
    await own.kill('SIGCONT');
    await redis.ready(5_000);
    expect(await redis.within(client.hget('cache:queued', 'n'), { deadlineMs: 5_000 })).toBeNull();
  } finally {
    await own.stop();
  }
});

test('a plain command outlasts failed attempts to connect, up to its deadline', async () => {
  const own = await startRedis();
  const { redis } = open({ REDIS_URL: own.appUrl, REDIS_DEADLINE_MS: '20000' });
  try {
    await own.kill('SIGKILL');
    const waiting = redis.within(redis.client('cache').hincrbyfloat('cache:outlasts', 'n', 1));
    const client = redis.client('cache');
    for (let attempts = 0; attempts < 2; attempts += 1) {
      await new Promise((resolve) => client.once('reconnecting', resolve));
    }
    await own.restart();
    expect(await waiting).toBe('1');
  } finally {
    await own.stop();
  }
});

test('a connection of its own may block for longer than the socket time-out', async () => {
  const { redis } = open({ REDIS_SOCKET_TIMEOUT_MS: '100' });
  const own = redis.dedicated('work', 'blocking');
  expect(await own.wait(1, 400)).toBe(0); // there is no replica to wait for
  expect(await connectionsNamed('work:blocking')).toEqual(['cache-steward:test:work:blocking']);
});

test('close rejects what still waits for a connection', async () => {
  const { redis } = open({ REDIS_URL: 'redis://127.0.0.1:1' });
  const waiting = [redis.within(redis.client('cache').get('cache:x')), redis.run('cache', peek, ['cache:x'], [])];
  const outcomes = Promise.allSettled(waiting);
  await redis.close();
  for (const outcome of await outcomes) {
    expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'E_REDIS_UNAVAILABLE' } });
  }
});

test('close ends every connection and refuses what comes later', async () => {
  const { redis } = open({ REDIS_WORK_DB: '7' });
  redis.dedicated('cache', 'subscriber');
  await redis.ready();
  const answered = redis.within(redis.client('cache').get('cache:own:a'));
  await redis.close();
  await answered;
  await expect(redis.run('cache', peek, ['cache:a'], [])).rejects.toMatchObject({ code: 'E_REDIS_UNAVAILABLE' });
  expect(() => redis.dedicated('cache', 'again')).toThrow(/closed by this process/);
  await redis.close();
});

test('the server’s abilities are asked once', async () => {
  const { redis } = open();
  const [first, second] = await Promise.all([capabilitiesOf(redis), capabilitiesOf(redis)]);
  expect(first).toBe(second);
  expect(first).toMatchObject({ enterprise: false, cluster: false, replicas: 0, maxmemoryPolicy: 'noeviction' });
  expect(first.version).toMatch(/^\d+\.\d+/);
  expect([...first.hidden]).toEqual([]);
});

test('counters of several processes add up; gauges are replaced; labels come in one order', async () => {
  const one = open();
  const two = open();
  const [a, b] = [one, two].map(({ redis, logger }) => createCounters({ redis, logger }));
  a?.add('hits', { outcome: 'hit', entity: 'user:profile' });
  a?.add('hits', { entity: 'user:profile', outcome: 'hit' }, 2);
  b?.add('hits', { entity: 'user:profile', outcome: 'hit' }, 0.5);
  a?.set('depth', {}, 4);
  await a?.flush();
  b?.set('depth', {}, 5);
  await b?.flush();
  await b?.flush();
  const read = await readCounters(one.redis);
  expect(read.get('hits|entity=user:profile,outcome=hit')).toBe(3.5);
  expect(read.get('depth|')).toBe(5);
});

test('counters that could not be sent are kept for the next flush', async () => {
  const own = await startRedis();
  const { redis, logger } = open({ REDIS_URL: own.appUrl, REDIS_DEADLINE_MS: '300' });
  const counters = createCounters({ redis, logger });
  await own.kill('SIGKILL');
  counters.add('kept', {}, 2);
  counters.set('gauge', {}, 1);
  await counters.flush();
  counters.add('kept', {}, 1);
  await own.restart();
  await redis.ready(20_000);
  await counters.flush();
  expect(Object.fromEntries(await readCounters(redis))).toEqual({ 'kept|': 3, 'gauge|': 1 });
  await own.stop();
});
