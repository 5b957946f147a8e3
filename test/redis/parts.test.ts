import type { Redis } from 'ioredis';
import { parseInfo, readCapabilities } from '../../src/redis/capabilities';
import { retryDelayMs } from '../../src/redis/connection/client-options';
import { toRedisError } from '../../src/redis/connection/map-error';
import { counterField } from '../../src/redis/counters';
import { ServerClocks } from '../../src/redis/server-clock';
import { targetOf } from './recorder';

describe('where to connect', () => {
  test('REDIS_URL is one server, with user, password and TLS', () => {
    expect(targetOf({ REDIS_URL: 'rediss://us%40er:p%3Ass@cache.example.net:6380' })).toEqual({
      mode: 'standalone',
      seeds: [{ host: 'cache.example.net', port: 6380 }],
      username: 'us@er',
      password: 'p:ss',
      sentinel: undefined,
      tls: { servername: 'cache.example.net' },
    });
  });

  test('REDIS_SENTINELS is a primary that the sentinels name', () => {
    const target = targetOf({
      REDIS_SENTINELS: 's1:26379,s2:26379',
      REDIS_SENTINEL_PASSWORD: 'watch',
      REDIS_URL: 'redis://app:secret@ignored',
    });
    expect(target).toMatchObject({
      mode: 'sentinel',
      username: 'app',
      password: 'secret',
      sentinel: { name: 'steward', password: 'watch' },
    });
    expect(target.seeds).toHaveLength(2);
  });

  test('REDIS_NODES is a cluster, and takes its credentials from REDIS_URL', () => {
    const target = targetOf({
      REDIS_NODES: '10.0.0.1:7000, [::1]:7001',
      REDIS_URL: 'rediss://:secret@cache.example.net',
    });
    expect(target).toMatchObject({ mode: 'cluster', password: 'secret', tls: { servername: 'cache.example.net' } });
    expect(target.seeds).toEqual([
      { host: '10.0.0.1', port: 7000 },
      { host: '::1', port: 7001 },
    ]);
  });

  test('an address has no name to verify, so TLS verifies the address', () => {
    expect(targetOf({ REDIS_URL: 'rediss://10.0.0.1:6380' }).tls).toEqual({});
  });

  test.each([
    [{}, /No Redis to connect to: set REDIS_URL/],
    [{ REDIS_NODES: 'nohost' }, /REDIS_NODES: expected host:port, got "nohost"/],
    [{ REDIS_NODES: 'a:1', REDIS_MODE: 'standalone' }, /the mode is standalone: unset it, or set REDIS_MODE=cluster/],
    [{ REDIS_SENTINELS: 'a:1', REDIS_MODE: 'cluster' }, /REDIS_SENTINELS is set, but REDIS_MODE is cluster: unset it/],
    [
      { REDIS_URL: 'rediss://a:1', REDIS_TLS_CA_FILE: '/nowhere/ca.pem' },
      /REDIS_TLS_CA_FILE: the file "\/nowhere\/ca.pem" can't be read/,
    ],
    [{ REDIS_URL: 'redis://a:1/3' }, /names a database: remove it, and set REDIS_SESSIONS_DB/],
  ])('%j is refused, and the message says what to do', (environment, message) => {
    expect(() => targetOf(environment as Record<string, string>)).toThrow(message);
  });

  test('a URL that can’t be read is never shown', () => {
    const broken = () => targetOf({ REDIS_URL: 'redis://user:hunter2@:x' });
    expect(broken).toThrow(/REDIS_URL: expected a redis:\/\//);
    expect(broken).not.toThrow(/hunter2/);
  });
});

test('the pause between attempts grows by 100 ms up to the cap, with a quarter of jitter', () => {
  expect([1, 2, 3, 1_000].map((attempt) => retryDelayMs(attempt, 250, () => 1))).toEqual([100, 200, 250, 250]);
  expect([1, 2, 3, 1_000].map((attempt) => retryDelayMs(attempt, 250, () => 0))).toEqual([75, 150, 188, 188]);
});

describe('the clocks of the nodes', () => {
  /** A node whose clock differs from ours; every answer takes the same time. */
  function nodeAt(skewMs: number, clock: { at: number }, roundTripMs = 2) {
    let asked = 0;
    const time = async () => {
      asked += 1;
      clock.at += roundTripMs / 2;
      const micros = (clock.at + skewMs) * 1e3;
      clock.at += roundTripMs / 2;
      return [Math.floor(micros / 1e6), micros % 1e6];
    };
    return { node: { time } as unknown as Redis, asked: () => asked };
  }

  test('each node has an offset of its own', async () => {
    const clock = { at: 1_000_000 };
    const clocks = new ServerClocks({ now: () => clock.at });
    await clocks.learn('a', nodeAt(5_000, clock).node);
    await clocks.learn('b', nodeAt(-3_000, clock).node);
    expect(clocks.known('a')?.micros).toBe(5_000_000);
    expect(clocks.known('b')?.micros).toBe(-3_000_000);
    expect(clocks.earliest()).toBe(-3_000_000);
  });

  test('the common time is the latest node’s, and its uncertainty spans the skew', async () => {
    const clock = { at: 1_000_000 };
    const clocks = new ServerClocks({ now: () => clock.at });
    expect(clocks.now()).toBeUndefined();
    await clocks.learn('a', nodeAt(5_000, clock).node);
    await clocks.learn('b', nodeAt(-3_000, clock).node);
    const now = clocks.now();
    expect(now?.micros).toBe((clock.at + 5_000) * 1e3);
    expect(now?.uncertaintyMicros).toBeGreaterThanOrEqual(8_000_000);
    expect(now?.uncertaintyMicros).toBeLessThan(8_010_000);
  });

  test('an offset is learnt again after a minute, or when it is doubted, and never twice at once', async () => {
    const clock = { at: 1_000_000 };
    const clocks = new ServerClocks({ now: () => clock.at });
    const { node, asked } = nodeAt(0, clock, 0.5);
    await Promise.all([clocks.learn('a', node), clocks.learn('a', node)]);
    expect(asked()).toBe(1);
    clock.at += 59_000;
    expect(clocks.known('a')).toBeDefined();
    clock.at += 2_000;
    expect(clocks.known('a')).toBeUndefined();
    await clocks.learn('a', node);
    clocks.doubt('a');
    expect(clocks.known('a')).toBeUndefined();
    expect(clocks.now()).toBeDefined();
  });

  test('the longer ago it was learnt, the less certain it is', async () => {
    const clock = { at: 1_000_000 };
    const clocks = new ServerClocks({ now: () => clock.at });
    await clocks.learn('a', nodeAt(0, clock).node);
    const fresh = clocks.now()?.uncertaintyMicros ?? 0;
    clock.at += 600_000;
    expect(clocks.now()?.uncertaintyMicros).toBe(fresh + 120_000);
  });
});

test.each([
  ['Connection is closed.', { code: 'E_REDIS_UNAVAILABLE', sent: true }],
  ['READONLY You can’t write against a read only replica.', { code: 'E_REDIS_UNAVAILABLE', sent: false }],
  ['LOADING Redis is loading the dataset in memory', { code: 'E_REDIS_UNAVAILABLE', sent: false }],
  ['CLUSTERDOWN The cluster is down', { code: 'E_REDIS_UNAVAILABLE', sent: false }],
  ['E_DEADLINE the command arrived after its deadline', { code: 'E_DEADLINE', refused: true }],
  ['MOVED 1 10.0.0.1:6379', { code: 'E_REDIS_MODE' }],
  ['ERR DB index is out of range', { code: 'E_REDIS_MODE' }],
])('ioredis’ %j becomes one of our errors', (message, expected) => {
  expect(toRedisError(new Error(message), true)).toMatchObject(expected);
});

test('any other error is passed on as it is', () => {
  const error = new Error('WRONGTYPE Operation against a key holding the wrong kind of value');
  expect(toRedisError(error, true)).toBe(error);
});

test('a counter’s field has its labels sorted and its separators kept out of them', () => {
  expect(counterField('jobs', { outcome: 'a|b,c=d', job: 'sweep' })).toBe('jobs|job=sweep,outcome=a_b_c_d');
  expect(counterField('jobs')).toBe('jobs|');
});

describe('dialects', () => {
  const premium =
    'redis_version:6.0.14\r\ncluster_enabled:1\r\nused_memory:1\r\nmem_fragmentation_ratio:1.2\r\nconnected_slaves:1\r\n';
  const managed = '# Server\r\nredis_version:7.4.3\r\nused_memory:1\r\nconnected_clients:3\r\n';

  test('Premium is Redis 6.0: no EXPIRE NX', () => {
    const abilities = readCapabilities([parseInfo(premium), parseInfo(premium)], new Set(['config']));
    expect(abilities).toMatchObject({ expireNx: false, enterprise: false, cluster: true, replicas: 2 });
    expect(abilities.maxmemoryPolicy).toBeUndefined();
  });

  test('Azure Managed Redis is Redis Enterprise, known by the fields its INFO hasn’t got', () => {
    expect(readCapabilities([parseInfo(managed)], new Set())).toMatchObject({ expireNx: true, enterprise: true });
  });
});
