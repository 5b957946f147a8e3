import { setTimeout as sleep } from 'node:timers/promises';
import { jsonSerializer } from '../../../src/cache/entry/codec';
import { defineEntity } from '../../../src/entities/define-entity';
import { physicalKey } from '../../../src/entities/key';
import { slotOf } from '../../../src/redis/slot';
import { type Rig, startRig, type TestCache, until } from '../rig';

describe('an outage', () => {
  let rig: Rig;
  beforeEach(async () => {
    rig = await startRig('standalone');
  });
  afterEach(() => rig?.close());

  test('with Redis gone a value is loaded, once for all callers of the process', async () => {
    const cache = rig.cache({ deadlineMs: 100 });
    const key = `user:${rig.name()}:1`;
    await cache.set(key, 'cached');
    await rig.servers[0]!.kill('SIGKILL');
    let loads = 0;
    const load = async () => {
      loads += 1;
      await sleep(100);
      return 'loaded';
    };
    const values = await Promise.all(Array.from({ length: 20 }, () => cache.get(key, load)));
    expect(new Set(values)).toEqual(new Set(['loaded']));
    expect(loads).toBe(1);
    expect((await cache.getMany([key], async (keys) => new Map(keys.map((each) => [each, 'many'])))).get(key)).toBe(
      'many',
    );
    await expect(cache.get(key)).rejects.toMatchObject({
      code: expect.stringMatching(/^E_(REDIS_UNAVAILABLE|DEADLINE)$/),
    });
  });

  test('with Redis full and nothing to evict, what is cached is served and the rest is loaded', async () => {
    const entity = defineEntity<string>({ name: `user:${rig.name()}`, load: async () => 'loaded' });
    const cache = rig.cache({ entities: [entity] });
    const [hit, miss, other] = [1, 2, 3].map((id) => `${entity.name}:${id}`) as [string, string, string];
    await cache.set(hit, 'cached');
    const server = rig.admin().client('cache');
    await server.config('SET', 'maxmemory', '1');
    expect([await cache.get(hit), await cache.get(miss)]).toEqual(['cached', 'loaded']);
    expect(await cache.getMany([hit, miss, other])).toEqual(
      new Map([
        [hit, 'cached'],
        [miss, 'loaded'],
        [other, 'loaded'],
      ]),
    );
    expect(await cache.refresh([hit])).toEqual([{ key: hit, outcome: 'failed' }]);
    await server.config('SET', 'maxmemory', '0');
    expect(await cache.get(miss)).toBe('loaded');
    expect(await cache.has(miss)).toBe(true);
  });

  test('an invalidation that a full Redis refused is issued again when there is room', async () => {
    const cache = rig.cache();
    const [tag, key] = [rig.name(), `user:${rig.name()}:1`];
    await cache.set(key, 'old', { tags: [tag] });
    const server = rig.admin().client('cache');
    await server.config('SET', 'maxmemory', '1');
    await expect(cache.invalidateTag(tag)).rejects.toThrow('OOM');
    const other = rig.cache({ epochCacheMs: 0 });
    expect(await other.get(key)).toBe('old');
    await server.config('SET', 'maxmemory', '0');
    await until(async () => (await other.get(key)) === undefined);
  });

  test.each([
    ['get', (cache: TestCache, key: string) => cache.get(key)],
    ['getMany', async (cache: TestCache, key: string) => (await cache.getMany([key, `${key}:other`])).get(key)],
  ])('after a delete that Redis did not take, %s of its process does not return the old value', async (_, read) => {
    const cache = rig.cache();
    const key = `user:${rig.name()}:1`;
    await cache.set(key, 'old');
    const [server] = rig.servers;
    await server!.kill('SIGSTOP');
    let value: Promise<unknown> = Promise.resolve('deleted');
    await cache.delete(key).catch(() => {
      // Sent at once, so before the next periodic retry of pending invalidations.
      value = read(cache, key);
    });
    await server!.kill('SIGCONT');
    expect(await value).toBeUndefined();
  });

  test('with Redis gone a failing loader is asked once, and its callers share its error', async () => {
    const cache = rig.cache({ deadlineMs: 100 });
    const key = `user:${rig.name()}:1`;
    await rig.servers[0]!.kill('SIGKILL');
    let loads = 0;
    const fault = new Error('the source is down');
    const load = async () => {
      loads += 1;
      await sleep(200);
      throw fault;
    };
    const errors = await Promise.all(Array.from({ length: 40 }, () => cache.get(key, load).catch((error) => error)));
    expect(errors.every((error) => error === fault)).toBe(true);
    expect(loads).toBe(1);
  });

  test('Redis gone while a value is loaded: it is handed out, and not loaded again', async () => {
    const cache = rig.cache({ deadlineMs: 100 });
    let loads = 0;
    const value = await cache.get(`user:${rig.name()}:1`, async () => {
      loads += 1;
      await rig.servers[0]!.kill('SIGKILL');
      return 'loaded';
    });
    expect([value, loads]).toEqual(['loaded', 1]);
  });

  test('a read that was answered as its time ran out loads, and so does the next', async () => {
    const deadlineMs = 50;
    const slow = {
      ...jsonSerializer,
      deserialize(text: string) {
        for (const end = performance.now() + deadlineMs; performance.now() < end; );
        return jsonSerializer.deserialize(text);
      },
    };
    const cache = rig.cache({ deadlineMs, serializer: slow });
    const [hit, miss] = [`user:${rig.name()}:1`, `user:${rig.name()}:2`] as const;
    await cache.set(hit, 'cached');
    const load = async () => 'loaded';
    // Read together; while the first is parsed, the second's time passes.
    expect(await Promise.all([cache.get(hit), cache.get(miss, load)])).toEqual(['cached', 'loaded']);
    expect(await cache.get(miss, load)).toBe('loaded');
  });

  test('nobody joins a load that began before a write of this process', async () => {
    const cache = rig.cache({ deadlineMs: 50 });
    const key = `user:${rig.name()}:1`;
    await rig.servers[0]!.kill('SIGKILL');
    let value = 'old';
    const load = async () => {
      const read = value;
      await sleep(300);
      return read;
    };
    const before = cache.get(key, load);
    await sleep(150);
    value = 'new';
    await expect(cache.delete(key)).rejects.toThrow();
    expect(await cache.get(key, load)).toBe('new');
    expect(await before).toBe('old');
  });

  test('an invalidation that failed is issued again when Redis is back', async () => {
    const server = rig.servers[0]!;
    const cache = rig.cache({ deadlineMs: 100 });
    const name = rig.name();
    const keys = ['deleted', 'tagged', 'matched', 'set'].map((id) => `user:${name}:${id}`);
    await cache.set(keys[0]!, 'old');
    await cache.set(keys[1]!, 'old', { tags: [name] });
    await cache.set(keys[2]!, 'old');
    await cache.set(keys[3]!, 'old');
    await server.kill('SIGSTOP');
    const failures = await Promise.allSettled([
      cache.delete(keys[0]!),
      cache.invalidateTag(name),
      cache.invalidatePattern(`user:${name}:match*`),
      cache.set(keys[3]!, 'new'),
    ]);
    expect(failures.map(({ status }) => status)).toEqual(Array(4).fill('rejected'));
    await server.kill('SIGCONT');
    const other = rig.cache({ epochCacheMs: 0 });
    for (const key of keys) await until(async () => (await other.get(key)) === undefined);
  });

  test('what was issued just before the server was replaced is issued again', async () => {
    const server = rig.servers[0]!;
    const cache = rig.cache();
    const key = `user:${rig.name()}:1`;
    await cache.set(key, 'old');
    const client = rig.connect().client('cache');
    const old = await client.get(physicalKey(key));
    await cache.delete(key);
    await server.kill('SIGKILL');
    await server.restart();
    // The new primary does not have the delete.
    const fresh = rig.connect().client('cache');
    await fresh.set(physicalKey(key), old!);
    await until(async () => (await fresh.exists(physicalKey(key))) === 0);
  });
});

describe('one master of three', () => {
  let rig: Rig;
  beforeEach(async () => {
    rig = await startRig('cluster', ['--cluster-require-full-coverage', 'no']);
  });
  afterEach(() => rig?.close());

  /** A key of each master. */
  function keysOf(name: string): string[] {
    const masters = [0, 1, 2];
    const all = Array.from({ length: 100 }, (_, index) => `user:${name}:${index}`);
    return masters.map((master) => all.find((key) => Math.floor((slotOf(physicalKey(key)) * 3) / 16_384) === master)!);
  }

  test.each(['SIGSTOP', 'SIGKILL'] as const)(
    'gone by %s: it is soon asked nothing more, the others are read as ever, and it is back when it is',
    async (signal) => {
      // The last sets may be lost and then deleted, so a reader may have to load. It must not get an error of Redis.
      const cache = rig.cache({ deadlineMs: 1_000, whenRedisIsAway: 'fail' });
      const load = async (key: string) => key;
      const loadMany = async (wanted: readonly string[]) => new Map(wanted.map((key) => [key, key]));
      const keys = keysOf(rig.name());
      const [lost, ...others] = keys as [string, string, string];
      await cache.setMany(keys.map((key) => ({ key, value: key })));
      const server = rig.servers[0]!;
      await server.kill(signal);
      await until(async () => {
        const [failure, ...values] = await Promise.all([
          cache.get(lost).then(
            () => undefined,
            (error: Error) => error,
          ),
          ...others.map((key) => cache.get(key, load)),
        ]);
        expect(values).toEqual(others);
        expect(await cache.getMany(others, loadMany)).toEqual(new Map(others.map((key) => [key, key])));
        return /nothing is sent/.test(failure?.message ?? '');
      });
      for (const key of others) {
        await cache.set(key, 'new');
        expect(await cache.get(key, async () => 'new')).toBe('new');
      }
      await expect(cache.get(lost, load)).rejects.toMatchObject({ code: 'E_REDIS_UNAVAILABLE' });
      await expect(cache.delete(lost)).rejects.toMatchObject({ code: 'E_REDIS_UNAVAILABLE' });
      if (signal === 'SIGSTOP') await server.kill('SIGCONT');
      else await server.restart();
      await until(() =>
        cache.set(lost, 'back').then(
          () => true,
          () => false,
        ),
      );
      expect(await cache.get(lost, async () => 'back')).toBe('back');
    },
  );

  test('replaced: what it had taken is issued again, what the others took is left as it is', async () => {
    const name = rig.name();
    const isLost = (physical: string) => slotOf(physical) * 3 < 16_384;
    const generationOf = (tag: string) => `cache:epoch:{t:${tag}}`;
    const tags = Array.from({ length: 100 }, (_, index) => `${name}-${index}`);
    const kept = tags.find((tag) => !isLost(generationOf(tag)))!;
    const lost = tags.find((tag) => isLost(generationOf(tag)))!;
    const [, ...others] = keysOf(name);
    const cache = rig.cache();
    const client = rig.connect().client('cache');
    // Pending invalidations are sent in this order: with the last one there again, nothing is left to come.
    for (const key of others) await cache.set(key, 'set');
    await cache.invalidateTag(kept);
    await cache.invalidateTag(lost);
    const before = await client.get(generationOf(kept));
    await rig.servers[0]!.kill('SIGKILL');
    await rig.servers[0]!.restart();
    await until(async () => (await client.get(generationOf(lost)).catch(() => null)) !== null);
    expect(await client.get(generationOf(kept))).toBe(before);
    expect(await cache.multiGet(others)).toEqual(others.map((key) => ({ key, value: 'set' })));
  });

  test('pending invalidations of a frozen master do not hold up those of the others', async () => {
    const cache = rig.cache({ deadlineMs: 1_000 });
    const name = rig.name();
    const keys = Array.from({ length: 60 }, (_, index) => `user:${name}:${index}`);
    const [lost] = keysOf(name) as [string, string, string];
    await cache.setMany(keys.map((key) => ({ key, value: 'old' })));
    for (const server of rig.servers) await server.kill('SIGSTOP');
    await Promise.allSettled(keys.map((key) => cache.delete(key)));
    for (const server of rig.servers.slice(1)) await server.kill('SIGCONT');
    const isLost = (key: string) => slotOf(physicalKey(key)) * 3 < 16_384;
    const others = keys.filter((key) => !isLost(key));
    const reader = rig.cache({ deadlineMs: 1_000 });
    for (const key of others) {
      await until(async () => (await reader.get(key).catch(() => 'not yet')) === undefined);
    }
    await rig.servers[0]!.kill('SIGCONT');
    await until(async () => (await reader.get(lost).catch(() => 'not yet')) === undefined);
  });
});
