import { randomUUID } from 'node:crypto';
import { type Kind, newPrefix, plain, type Rig, startRig } from './rig';

describe.each<Kind>(['standalone', 'cluster'])('the store on %s', (kind) => {
  let rig: Rig;
  beforeAll(async () => {
    rig = await startRig(kind);
  });
  afterAll(() => rig.close());

  test('get, set, touch and destroy, by promise and by callback', async () => {
    const store = rig.store();
    const sid = randomUUID();
    expect(await store.get(sid)).toBeNull();
    await store.set(sid, plain({ n: 1 }));
    expect(await store.get(sid)).toMatchObject({ n: 1, cookie: { originalMaxAge: 60_000 } });
    await store.touch(sid, plain({ n: 1 }));
    const found = await new Promise((resolve) => void store.get(sid, (error, session) => resolve({ error, session })));
    expect(found).toMatchObject({ error: null, session: { n: 1 } });
    await store.destroy(sid);
    expect(await store.get(sid)).toBeNull();
    await store.destroy(sid);
  });

  test('a session that was loaded is never saved back to life', async () => {
    const store = rig.store();
    const other = rig.store({ prefix: store.core.rules.keys.prefix, redis: rig.connect() });
    const sid = randomUUID();
    await store.set(sid, plain({ n: 1 }));
    const loaded = await store.get(sid);
    const refused = jest.fn();
    store.on('refused', refused);
    await other.destroy(sid);
    await store.set(sid, Object.assign(loaded ?? {}, { n: 2 }) as never);
    await store.touch(sid, loaded as never);
    expect(refused).toHaveBeenCalledTimes(1);
    expect(await other.get(sid)).toBeNull();
    expect(await store.ids()).toEqual([]);
  });

  test('saves at once that change different keys all stay', async () => {
    const store = rig.store();
    const sid = randomUUID();
    await store.set(sid, plain({ gone: true, kept: 1 }));
    const loaded = await Promise.all(Array.from({ length: 30 }, () => store.get(sid)));
    await Promise.all(
      loaded.map((session, index) => {
        const changed: Record<string, unknown> = Object.assign(session ?? {}, { [`field${index}`]: index });
        if (index === 3) delete changed.gone;
        return store.set(sid, changed as never);
      }),
    );
    const final = (await store.get(sid)) as unknown as Record<string, unknown>;
    expect(Object.keys(final).filter((key) => key.startsWith('field'))).toHaveLength(30);
    expect(final).toMatchObject({ kept: 1 });
    expect(final).not.toHaveProperty('gone');
  });

  test('saving twice with another’s save between keeps what the other changed', async () => {
    const store = rig.store();
    const sid = randomUUID();
    await store.set(sid, plain({ a: 0, b: 0 }));
    const [mine, theirs] = [await store.get(sid), await store.get(sid)];
    await store.set(sid, Object.assign(theirs ?? {}, { b: 1 }) as never);
    await store.set(sid, Object.assign(mine ?? {}, { a: 1 }) as never);
    await store.set(sid, Object.assign(mine ?? {}, { a: 2 }) as never);
    expect(await store.get(sid)).toMatchObject({ a: 2, b: 1 });
  });

  test('all, ids, length and clear see this store’s sessions only, glob characters or not', async () => {
    const prefixes = [newPrefix(), 'sess:app[1]:', 'sess:app?:', 'sess:app*:', 'sess:a\\pp:'];
    const client = rig.redis.client('sessions');
    for (const prefix of prefixes) {
      const store = rig.store({ prefix });
      const foreign = [`${prefix}hash`, 'sess:appX:other', 'sess:app1:other', 'sess:other'];
      await client.hset(`${prefix}hash`, 'a', 1);
      for (const key of foreign.slice(1)) await client.set(key, '{"cookie":{}}');
      await Promise.all(
        Array.from({ length: 120 }, (_, n) => store.set(randomUUID(), plain({ n, userId: `u${n % 7}` }))),
      );
      expect(await store.length()).toBe(120);
      expect(new Set(await store.ids()).size).toBe(120);
      const all = await store.all();
      expect(all.map((session) => (session as never as { n: number }).n).sort((a, b) => a - b)).toEqual(
        Array.from({ length: 120 }, (_, n) => n),
      );
      expect(all[0]?.id).toMatch(/^[\w-]{43}$/);
      await store.clear();
      expect(await store.length()).toBe(0);
      expect(await store.users.count('u1')).toBe(0);
      for (const key of foreign) expect([prefix, key, await client.exists(key)]).toEqual([prefix, key, 1]);
    }
  });

  test('a callback that throws is called once', async () => {
    const store = rig.store();
    const thrown: unknown[] = [];
    let calls = 0;
    // Jest would end the run at what is thrown in a microtask; Node gives it to `uncaughtException`.
    const microtask = jest.spyOn(globalThis, 'queueMicrotask').mockImplementation((task) => {
      try {
        task();
      } catch (error) {
        thrown.push(error);
      }
    });
    await store.get('x', () => {
      calls += 1;
      throw new Error(`call ${calls}`);
    });
    microtask.mockRestore();
    expect(thrown).toEqual([new Error('call 1')]);
  });
});
