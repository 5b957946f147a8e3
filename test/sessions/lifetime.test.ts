import { randomUUID } from 'node:crypto';
import { silentLogger } from '../../src/logger';
import { createRedis } from '../../src/redis';
import { steadyClock } from '../../src/redis/server-clock';
import type { SessionStore } from '../../src/sessions';
import { readRecord, type SessionRecord } from '../../src/sessions/record/session-record';
import { readSettings } from '../../src/settings';
import { plain, type Rig, startRig } from './rig';

let rig: Rig;
beforeAll(async () => {
  rig = await startRig('standalone');
});
afterAll(() => rig.close());

const client = () => rig.redis.client('sessions');
const keyOf = (store: SessionStore, sid: string) => store.core.rules.keys.recordOf(store.core.rules.keys.idOf(sid));
const recordOf = async (store: SessionStore, sid: string) =>
  readRecord((await client().get(keyOf(store, sid))) ?? '') as SessionRecord;
const DAY = 86_400_000;
/** Writes a time into a record, as if it had been written then. */
const rewrite = (store: SessionStore, sid: string, field: 'ends' | 'seen', ms: number) =>
  client().setrange(keyOf(store, sid), { ends: 37, seen: 51 }[field], String(Math.floor(ms)).padStart(13, '0'));

test('the idle time is the cookie’s, else the ttl; a function of the session goes first', async () => {
  const sid = randomUUID();
  for (const [options, session, idle] of [
    [{ ttl: 10 }, plain({}, 60_000), 60_000],
    [{ ttl: 10 }, { cookie: {} }, 10_000],
    [{}, { cookie: {} }, DAY],
    [{ ttl: (values: Record<string, unknown>) => Number(values.n) }, plain({ n: 7 }), 7_000],
    [{ ttl: 10 }, { cookie: { expires: 'nonsense' } }, 10_000],
  ] as const) {
    const store = rig.store(options as never);
    await store.set(sid, session as never);
    expect((await recordOf(store, sid)).idleMs).toBe(idle);
    expect(await client().pttl(keyOf(store, sid))).toBeLessThanOrEqual(idle);
  }
});

test('a ttl of 0 or less ends the session, new or loaded, saved or touched', async () => {
  const store = rig.store({ ttl: ({ n }) => Number(n) });
  for (const end of ['set', 'touch', 'again'] as const) {
    const sid = randomUUID();
    await store.set(sid, plain({ n: 5 }));
    const session = end === 'again' ? plain({ n: 0 }) : Object.assign((await store.get(sid)) ?? {}, { n: 0 });
    await store[end === 'touch' ? 'touch' : 'set'](sid, session as never);
    expect(await client().exists(keyOf(store, sid))).toBe(0);
  }
});

test('touching prolongs, never beyond the absolute lifetime, and leaves the version as it was', async () => {
  const store = rig.store({ touchAfter: 0, absoluteTtl: 1_000 });
  const sid = randomUUID();
  await store.set(sid, plain());
  const { version } = await recordOf(store, sid);
  const session = (await store.get(sid)) as never;
  await client().pexpire(keyOf(store, sid), 5_000);
  await store.touch(sid, session);
  expect(await client().pttl(keyOf(store, sid))).toBeGreaterThan(5_000);
  await rewrite(store, sid, 'ends', Date.now() + 4_000);
  await store.touch(sid, session);
  expect(await client().pttl(keyOf(store, sid))).toBeLessThanOrEqual(4_000);
  expect((await recordOf(store, sid)).version).toBe(version);
  await store.set(sid, Object.assign(session, { n: 1 }));
  expect(await client().pttl(keyOf(store, sid))).toBeLessThanOrEqual(4_000);
});

test('a busy session ends with its absolute lifetime, also where its expiry in Redis is lost', async () => {
  const store = rig.store({ touchAfter: 0 });
  const sid = randomUUID();
  await store.set(sid, plain());
  const session = (await store.get(sid)) as never;
  await rewrite(store, sid, 'ends', Date.now() - 10_000);
  await client().persist(keyOf(store, sid));
  expect(await store.get(sid)).toBeNull();
  await store.touch(sid, session);
  expect(await client().exists(keyOf(store, sid))).toBe(0);
});

test('a session that idled too long is over, also where its expiry in Redis is lost', async () => {
  const store = rig.store();
  const sid = randomUUID();
  await store.set(sid, plain());
  await rewrite(store, sid, 'seen', Date.now() - 70_000);
  await client().persist(keyOf(store, sid));
  expect(await store.get(sid)).toBeNull();
  // A sweep that sees no expiry may give one: the record stays right.
  await client().pexpire(keyOf(store, sid), 30_000);
  expect(await store.get(sid)).toBeNull();
});

test('touches are written when due, or when the idle time changes, and not at all when turned off', async () => {
  const sid = randomUUID();
  const seenAfter = async (options: object, change: object = {}) => {
    const store = rig.store(options);
    await store.set(sid, plain());
    const session = (await store.get(sid)) as unknown as { cookie: object };
    await rewrite(store, sid, 'seen', Date.now() - 2_000);
    const again = (await store.get(sid)) as unknown as { cookie: object };
    Object.assign(again.cookie, change);
    await store.touch(sid, (session && again) as never);
    return Date.now() - (await recordOf(store, sid)).seenMs < 1_500;
  };
  expect(await seenAfter({ touchAfter: 60 })).toBe(false);
  expect(await seenAfter({ touchAfter: 60 }, { originalMaxAge: 90_000 })).toBe(true);
  expect(await seenAfter({ touchAfter: 1 })).toBe(true);
  expect(await seenAfter({})).toBe(true); // a hundredth of a minute
  expect(await seenAfter({ touchAfter: 0, disableTouch: true })).toBe(false);
});

test('without expiry in Redis a session still ends with its absolute lifetime', async () => {
  const store = rig.store({ disableTTL: true, touchAfter: 0 });
  const sid = randomUUID();
  await store.set(sid, plain({ n: 1 }));
  expect(await client().pttl(keyOf(store, sid))).toBe(-1);
  const session = (await store.get(sid)) as never;
  await store.touch(sid, session);
  await store.set(sid, session);
  expect(await client().pttl(keyOf(store, sid))).toBe(-1);
  await rewrite(store, sid, 'ends', Date.now() - 1_000);
  expect(await store.get(sid)).toBeNull();
});

test('servers whose clocks are days apart agree on when a session ends', async () => {
  const sid = randomUUID();
  const settings = readSettings(rig.environment);
  const prefix = rig.store().core.rules.keys.prefix;
  const skewed = [-3 * DAY, 3 * DAY].map((skew) => ({
    skew,
    redis: createRedis({
      settings,
      logger: silentLogger,
      role: 'test',
      clock: { now: () => steadyClock.now() + skew },
    }),
  }));
  const straight = rig.store({ prefix });
  const now = Date.now;
  try {
    for (const { skew, redis } of skewed) {
      const store = rig.store({ prefix, redis });
      const wall = jest.spyOn(Date, 'now').mockImplementation(() => now() + skew);
      await store.set(sid, plain({ n: 1 }));
      expect(await store.get(sid)).toMatchObject({ n: 1 });
      await store.touch(sid, (await store.get(sid)) as never);
      wall.mockRestore();
      expect(await straight.get(sid)).toMatchObject({ n: 1 });
      const left = await client().pttl(keyOf(straight, sid));
      expect(left).toBeGreaterThan(0);
      expect(left).toBeLessThanOrEqual(60_000);
      expect(Math.abs((await recordOf(straight, sid)).seenMs - Date.now())).toBeLessThan(30_000);
      await straight.set(sid, Object.assign((await straight.get(sid)) ?? {}, { m: 1 }) as never);
      await store.destroy(sid);
    }
  } finally {
    await Promise.all(skewed.map(({ redis }) => redis.close()));
  }
});

test.each([
  ['absoluteTtl', 0],
  ['absoluteTtl', Number.POSITIVE_INFINITY],
  ['ttl', Number.NaN],
  ['touchAfter', -1],
  ['scanCount', 0],
  ['maxBytes', 1.5],
  ['aliasSeconds', -1],
])('%s of %s is refused at once', (name, value) => {
  expect(() => rig.store({ [name]: value })).toThrow(expect.objectContaining({ code: 'E_SESSION_OPTIONS' }));
});
