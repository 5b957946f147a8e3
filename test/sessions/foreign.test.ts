import { randomUUID } from 'node:crypto';
import { RedisStore } from 'connect-redis';
import type { SessionData } from 'express-session';
import { createClient } from 'redis';
import type { SessionStore } from '../../src/sessions';
import { readRecord } from '../../src/sessions/record/session-record';
import { type Kind, plain, type Rig, startRig } from './rig';

/** What connect-redis wrote stays a session when an application moves over. */
describe.each<Kind>(['standalone', 'cluster'])('records of connect-redis on %s', (kind) => {
  let rig: Rig;
  beforeAll(async () => {
    rig = await startRig(kind);
  });
  afterAll(() => rig.close());

  const client = () => rig.redis.client('sessions');
  /** As connect-redis lays it down; the test below has the real one do it. */
  const lay = async (store: SessionStore, values: Record<string, unknown> = {}) => {
    const sid = randomUUID();
    await client().set(store.core.rules.keys.prefix + sid, JSON.stringify(plain({ n: 1, ...values })), 'EX', 60);
    return sid;
  };
  const load = async (store: SessionStore, sid: string) =>
    (await store.get(sid)) as unknown as SessionData & { n: number };
  const keysOf = async (store: SessionStore, sid: string) => {
    const { keys } = store.core.rules;
    const [foreign, own] = [keys.prefix + sid, keys.recordOf(keys.idOf(sid))];
    return { foreign: await client().exists(foreign), own: readRecord((await client().get(own)) ?? '')?.kind };
  };

  test('are read, touched where they are, and moved under the hash when saved', async () => {
    const store = rig.store();
    const sid = await lay(store, { userId: 'ann' });
    const session = await load(store, sid);
    expect(session).toMatchObject({ n: 1 });
    await client().pexpire(store.core.rules.keys.prefix + sid, 5_000);
    await store.touch(sid, session);
    expect(await client().pttl(store.core.rules.keys.prefix + sid)).toBeGreaterThan(5_000);
    await store.set(sid, Object.assign(session, { n: 2 }));
    expect(await keysOf(store, sid)).toEqual({ foreign: 0, own: 'session' });
    expect(await store.get(sid)).toMatchObject({ n: 2, userId: 'ann' });
    expect(await store.users.list('ann')).toHaveLength(1);
    await store.set(sid, Object.assign(session, { n: 3 }));
    expect(await store.get(sid)).toMatchObject({ n: 3 });
  });

  test('are destroyed under both names', async () => {
    const store = rig.store();
    const sid = await lay(store);
    await store.destroy(sid);
    expect(await store.get(sid)).toBeNull();
    expect(await keysOf(store, sid)).toEqual({ foreign: 0, own: undefined });
  });

  test('that were destroyed meanwhile, here or by connect-redis, are not revived', async () => {
    const store = rig.store();
    const elsewhere = rig.store({ prefix: store.core.rules.keys.prefix, redis: rig.connect() });
    for (const destroy of [
      (sid: string) => elsewhere.destroy(sid),
      (sid: string) => client().del(store.core.rules.keys.prefix + sid),
    ]) {
      const sid = await lay(store);
      const session = await load(store, sid);
      await destroy(sid);
      await store.set(sid, Object.assign(session, { n: 2 }));
      expect(await elsewhere.get(sid)).toBeNull();
    }
  });

  test('saved at once by many are moved once, and no change is lost', async () => {
    const store = rig.store();
    const sid = await lay(store);
    const sessions = await Promise.all(Array.from({ length: 10 }, () => load(store, sid)));
    await Promise.all(sessions.map((session, n) => store.set(sid, Object.assign(session, { [`f${n}`]: n }))));
    expect(Object.keys(await load(store, sid)).filter((key) => /^f\d/.test(key))).toHaveLength(10);
  });

  test('saved once more by connect-redis before they are moved keep both changes', async () => {
    for (const hashIds of [true, false]) {
      const store = rig.store({ hashIds });
      const sid = await lay(store);
      const session = await load(store, sid);
      const again = JSON.stringify(plain({ n: 1, theirs: true }));
      await client().set(store.core.rules.keys.prefix + sid, again, 'EX', 60);
      await store.set(sid, Object.assign(session, { mine: true }));
      expect([hashIds, await store.get(sid)]).toMatchObject([hashIds, { mine: true, theirs: true }]);
    }
  });

  test('die with a revocation of their user, whether it comes before the load or after it', async () => {
    const store = rig.store();
    const [before, after] = [await lay(store, { userId: 'eve' }), await lay(store, { userId: 'eve' })];
    const session = await load(store, after);
    await store.users.revokeAll('eve');
    await store.set(after, Object.assign(session, { n: 2 }));
    expect(await store.get(before)).toBeNull();
    expect(await store.get(after)).toBeNull();
  });

  test('are upgraded in place where ids aren’t hashed', async () => {
    const store = rig.store({ hashIds: false });
    const sid = await lay(store, { userId: 'dan' });
    expect(await store.ids()).toEqual([sid]);
    const session = await load(store, sid);
    await store.set(sid, Object.assign(session, { n: 2 }));
    expect(readRecord((await client().get(store.core.rules.keys.prefix + sid)) ?? '')).toMatchObject({ user: 'dan' });
    expect(await store.get(sid)).toMatchObject({ n: 2 });
  });

  test('are seen by all, ids, length and clear', async () => {
    const store = rig.store();
    const sid = await lay(store);
    await store.set(randomUUID(), plain({ n: 2 }));
    expect(await store.length()).toBe(2);
    expect(await store.ids()).toContain(sid);
    expect((await store.all()).map((session) => (session as never as { n: number }).n).sort()).toEqual([1, 2]);
    await store.clear();
    expect(await store.length()).toBe(0);
  });

  if (kind === 'cluster') return;

  test('are those that connect-redis really writes', async () => {
    const store = rig.store();
    const peer = createClient({ url: rig.nodes[0]?.webUrl ?? '' });
    peer.on('error', () => {});
    await peer.connect();
    const theirs = new RedisStore({ client: peer, prefix: store.core.rules.keys.prefix });
    const sid = randomUUID();
    await theirs.set(sid, plain({ n: 1 }));
    const session = await load(store, sid);
    await store.set(sid, Object.assign(session, { n: 2 }));
    expect(await store.get(sid)).toMatchObject({ n: 2 });
    expect((await theirs.get(sid)) ?? null).toBeNull();
    peer.destroy();
  });
});
