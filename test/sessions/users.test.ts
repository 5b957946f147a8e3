import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { startRedis } from '../../local/servers';
import { silentLogger } from '../../src/logger';
import { createRedis } from '../../src/redis';
import { createSessionStore, type SessionStore } from '../../src/sessions';
import { readSettings } from '../../src/settings';
import { type Kind, plain, type Rig, startRig } from './rig';

const login = async (store: SessionStore, userId: string) => {
  const sid = randomUUID();
  await store.set(sid, plain({ userId }));
  return sid;
};
const alive = async (store: SessionStore, sids: readonly string[]) =>
  (await Promise.all(sids.map((sid) => store.get(sid)))).filter((session) => session !== null).length;

describe.each<Kind>(['standalone', 'cluster'])('a user’s sessions on %s', (kind) => {
  let rig: Rig;
  beforeAll(async () => {
    rig = await startRig(kind);
  });
  afterAll(() => rig.close());

  test('a thousand at once are listed, counted and revoked', async () => {
    const store = rig.store();
    const sids: string[] = [];
    for (let page = 0; page < 5; page += 1) {
      sids.push(...(await Promise.all(Array.from({ length: 200 }, () => login(store, 'ann')))));
    }
    expect(await store.users.count('ann')).toBe(1_000);
    expect(await store.users.list('ann')).toHaveLength(1_000);
    expect(await alive(store, sids.slice(0, 100))).toBe(100);
    await store.users.revokeAll('ann');
    expect(await alive(store, sids)).toBe(0);
    expect(await store.users.count('ann')).toBe(0);
  });

  test('over the limit the oldest login has to go', async () => {
    const store = rig.store({ maxSessionsPerUser: 3 });
    const sids: string[] = [];
    for (let n = 0; n < 5; n += 1) {
      sids.push(await login(store, 'bob'));
      await sleep(2); // logins within a millisecond are equally old
    }
    expect(await alive(store, sids.slice(0, 2))).toBe(0);
    expect(await alive(store, sids.slice(2))).toBe(3);
    const many = await Promise.all(Array.from({ length: 20 }, () => login(store, 'bob')));
    const elsewhere = rig.store({ prefix: store.core.rules.keys.prefix, redis: rig.connect() });
    expect(await alive(elsewhere, [...sids, ...many])).toBe(3);
    expect(await store.users.count('bob')).toBe(3);
    await store.destroy(many.at(-1) as string);
    await login(store, 'carol');
    expect(await store.users.count('bob')).toBeLessThanOrEqual(3);
  });

  test('a lost index mends itself with the next touch, and records that are gone leave it', async () => {
    const store = rig.store({ touchAfter: 0 });
    const [one, two] = [await login(store, 'dan'), await login(store, 'dan')];
    const { keys, redis } = store.core.rules;
    await redis.client('sessions').del(keys.indexOf('dan'));
    expect(await store.users.list('dan')).toEqual([]);
    await store.touch(one, (await store.get(one)) as never);
    await store.touch(two, (await store.get(two)) as never);
    expect(await store.users.list('dan')).toHaveLength(2);
    await redis.client('sessions').del(keys.recordOf(keys.idOf(one)));
    expect(await store.users.list('dan')).toHaveLength(1);
    expect(await store.users.count('dan')).toBe(1);
  });

  test('a lost generation logs out, and a new login revives none of the old', async () => {
    const store = rig.store();
    const old = [await login(store, 'eve'), await login(store, 'eve')];
    const { keys, redis } = store.core.rules;
    await redis.client('sessions').del(keys.loginGenerationOf('eve'));
    expect(await alive(store, old)).toBe(0);
    const fresh = await login(store, 'eve');
    expect(await alive(store, [...old, fresh])).toBe(1);
  });

  test('logging out by dropping the user from the session leaves it out of the user’s list', async () => {
    const store = rig.store();
    const sid = await login(store, 'fay');
    const session = (await store.get(sid)) as unknown as Record<string, unknown>;
    delete session.userId;
    await store.set(sid, session as never);
    await store.users.revokeAll('fay');
    expect(await store.get(sid)).not.toBeNull();
    expect(await store.users.list('fay')).toEqual([]);
  });

  test('a user who appears in the middle of a session is entered, and is revoked like any other', async () => {
    const store = rig.store({ userOf: (session) => session.owner as string | undefined });
    const sid = randomUUID();
    await store.set(sid, plain());
    await store.set(sid, Object.assign((await store.get(sid)) ?? {}, { owner: 'gus' }) as never);
    expect(await store.users.list('gus')).toHaveLength(1);
    await store.users.revokeAll('gus');
    expect(await store.get(sid)).toBeNull();
  });
});

test('control keys that are evicted log out and revive nothing', async () => {
  const server = await startRedis({
    args: ['--maxmemory', '4mb', '--maxmemory-policy', 'allkeys-lru', '--maxmemory-samples', '10'],
  });
  const settings = readSettings({ REDIS_URL: server.webUrl, REDIS_DEADLINE_MS: '2000' });
  const redis = createRedis({ settings, logger: silentLogger, role: 'test' });
  const store = createSessionStore({ redis });
  try {
    const { keys } = store.core.rules;
    const client = redis.client('sessions');
    // LRU knows whole seconds, so what goes first is chance: again, until a generation goes before its records.
    let user = '';
    let sids: string[] = [];
    let kept = 0;
    for (let tries = 0; kept === 0 && tries < 10; tries += 1) {
      user = `ann${tries}`;
      sids = await Promise.all(Array.from({ length: 20 }, () => login(store, user)));
      await store.users.revokeAll(user);
      const generation = keys.loginGenerationOf(user);
      for (let filled = 0; (await client.exists(generation)) === 1 && filled < 20_000; filled += 1) {
        await client.set(`sess:filler:${tries}:${filled}`, 'x'.repeat(5_000));
      }
      expect(await client.exists(generation)).toBe(0);
      kept = await client.exists(...sids.map((sid) => keys.recordOf(keys.idOf(sid))));
    }
    expect(kept).toBeGreaterThan(0);
    expect(await alive(store, sids)).toBe(0);
    const fresh = await login(store, user);
    expect(await alive(store, [...sids, fresh])).toBe(1);
  } finally {
    store.close();
    await redis.close();
    await server.stop();
  }
});
