import { defineEntity } from '../../src/entities/define-entity';
import { physicalKey } from '../../src/entities/key';
import type { Version } from '../../src/entities/version';
import type { Counters } from '../../src/redis';
import { encodeEntry } from './entry/encode-entry';
import { type Rig, startRig, topologies } from './rig';

const circular: Record<string, unknown> = {};
circular.self = circular;

describe.each(topologies)('bad input on %s', (topology) => {
  let rig: Rig;
  beforeAll(async () => {
    rig = await startRig(topology);
  });
  afterAll(() => rig?.close());

  test.each([
    ['undefined', undefined],
    ['a function', () => 1],
    ['a symbol', Symbol('x')],
    ['a bigint', 1n],
    ['a cycle', circular],
  ])('%s can not be set', async (_, value) => {
    const cache = rig.cache();
    await expect(cache.set(`user:${rig.name()}:1`, value)).rejects.toMatchObject({ code: 'E_SERIALIZE' });
  });

  test('a loaded value that can not be cached is handed out all the same', async () => {
    const cache = rig.cache({ maxValueBytes: 1_000 });
    const key = `user:${rig.name()}:1`;
    await expect(cache.set(key, 'x'.repeat(1_000))).rejects.toMatchObject({ code: 'E_VALUE_TOO_LARGE' });
    let loads = 0;
    const load = async () => {
      loads += 1;
      return 'x'.repeat(1_000);
    };
    expect(await cache.get(key, load)).toHaveLength(1_000);
    expect(loads).toBe(1);
    expect(await cache.get<unknown>(key, () => 1n)).toBe(1n);
    expect(await cache.has(key)).toBe(false);
  });

  test.each(['', 'user', ':a', 'a::b', 'a:b:', `a:${'b'.repeat(600)}`])('the key %j is refused', async (key) => {
    const cache = rig.cache();
    const code = { code: 'E_KEY' };
    await expect(cache.get(key, () => 1)).rejects.toMatchObject(code);
    await expect(cache.getMany([key])).rejects.toMatchObject(code);
    await expect(cache.set(key, 1)).rejects.toMatchObject(code);
    await expect(cache.delete(key)).rejects.toMatchObject(code);
    await expect(cache.warm([{ key, value: 1 }])).rejects.toMatchObject(code);
    await expect(cache.refresh([key])).rejects.toMatchObject(code);
    await expect(cache.has(key)).rejects.toMatchObject(code);
    await expect(cache.ttl(key)).rejects.toMatchObject(code);
    await expect(cache.writeThrough(key, 1, async () => {})).rejects.toMatchObject(code);
    await expect(cache.writeBehind(key, 1)).rejects.toMatchObject(code);
  });

  test('refresh refuses a key outside the convention before it loads any', async () => {
    const load = jest.fn(async () => 1);
    const entity = defineEntity<number>({ name: `user:${rig.name()}`, load });
    const cache = rig.cache({ entities: [entity] });
    for (const bad of [`${entity.name}:1:`, `${entity.name}:\ud800`]) {
      await expect(cache.refresh([`${entity.name}:1`, bad])).rejects.toMatchObject({ code: 'E_KEY' });
    }
    expect(load).not.toHaveBeenCalled();
  });

  test('a connection that was closed before its first use is as good as none', async () => {
    const cache = rig.cache();
    const key = `user:${rig.name()}:1`;
    await cache.redis.close();
    const code = { code: 'E_REDIS_UNAVAILABLE' };
    await expect(cache.get(key)).rejects.toMatchObject(code);
    await expect(cache.multiGet([key])).rejects.toMatchObject(code);
    await expect(cache.set(key, 1)).rejects.toMatchObject(code);
    expect(await cache.get(key, () => 'loaded')).toBe('loaded');
  });

  test('options, tags, prefixes and patterns are checked', async () => {
    const cache = rig.cache();
    const key = `user:${rig.name()}:1`;
    const code = { code: 'E_CACHE_INPUT' };
    for (const options of [{ ttlSeconds: 0 }, { ttlSeconds: Number.NaN }, { jitter: 1 }, { graceSeconds: -1 }]) {
      await expect(cache.get(key, () => 1, options)).rejects.toMatchObject(code);
      await expect(cache.set(key, 1, options)).rejects.toMatchObject(code);
    }
    await expect(cache.invalidateTag('')).rejects.toMatchObject(code);
    await expect(cache.invalidatePrefix('undeclared:')).rejects.toMatchObject(code);
    await expect(cache.invalidatePattern('')).rejects.toMatchObject(code);
    await expect(cache.get(key, () => 1, { tags: [''] })).rejects.toMatchObject(code);
    await expect(cache.writeBehind(key, 1)).rejects.toMatchObject(code);
    await expect(cache.writeThrough(key, 1)).rejects.toMatchObject(code);
    expect(() => rig.cache({ prefixes: ['user:*'] })).toThrow('declared prefix');
    expect(() => rig.cache({ writerId: 1_000 })).toThrow('writerId');
    expect(() => rig.cache({ epochCacheMs: Number.NaN })).toThrow('epochCacheMs');
  });

  test('an entity with a store takes no loader of the caller', async () => {
    const store = { loadMany: async () => new Map(), saveMany: async () => [], migrate: async () => {} };
    const entity = defineEntity<string>({ name: `user:${rig.name()}`, store });
    const cache = rig.cache({ entities: [entity] });
    await expect(cache.get(`${entity.name}:1`, () => 'x')).rejects.toMatchObject({ code: 'E_CACHE_INPUT' });
    await expect(cache.get('other:thing:1', entity)).rejects.toMatchObject({ code: 'E_CACHE_INPUT' });
  });

  const entry = (format: string, payload: string) =>
    format +
    encodeEntry({
      flags: 0,
      version: '1790000000123456042' as Version,
      createdAtMs: Date.now(),
      expiresMs: Date.now() + 60_000,
      costMs: 0,
      tags: [],
      payload,
    }).slice(1);

  function counting() {
    const counts = new Map<string, number>();
    const counters: Counters = {
      add: (name, _labels, by = 1) => void counts.set(name, (counts.get(name) ?? 0) + by),
      set: () => {},
      flush: async () => {},
    };
    return { counters, counts };
  }

  test('an entry of ours that is corrupted counts as a miss, and the load replaces it', async () => {
    const { counters, counts } = counting();
    const cache = rig.cache({ counters });
    const key = `user:${rig.name()}:1`;
    await cache.redis.client('cache').set(physicalKey(key), entry('A', '{"broken'));
    expect(await cache.get(key, () => 'loaded')).toBe('loaded');
    expect(await cache.get(key)).toBe('loaded');
    await cache.close();
    expect(Object.fromEntries(counts)).toMatchObject({ cache_foreign_entries: 1, cache_misses: 1, cache_hits: 1 });
  });

  test('an entry of a later format is a miss, stays under a load, yields to set and delete', async () => {
    const cache = rig.cache();
    const client = cache.redis.client('cache');
    const key = `user:${rig.name()}:1`;
    const later = entry('B', '"later"');
    await client.set(physicalKey(key), later);
    expect(await cache.get(key, () => 'loaded')).toBe('loaded');
    expect(await client.get(physicalKey(key))).toBe(later);
    expect(await cache.warm([{ key, value: 1 }])).toBe(0);
    await cache.set(key, 'set');
    expect(await cache.get(key)).toBe('set');
    await client.set(physicalKey(key), later);
    expect(await cache.delete(key)).toBe(true);
    expect(await client.exists(physicalKey(key))).toBe(0);
  });

  test.each([
    ['a plain string', (key: string) => ['set', key, '{"name":"Ada"}']],
    ['a hash', (key: string) => ['hset', key, 'field', 'value']],
    ['a truncated entry', (key: string) => ['set', key, entry('A', '').slice(0, 40)]],
  ])('%s under our key is a miss and stays', async (_, command) => {
    const cache = rig.cache();
    const client = rig.admin().client('cache');
    const key = `user:${rig.name()}:1`;
    const [name, ...args] = command(physicalKey(key)) as [string, ...string[]];
    await client.call(name, ...args);
    const before = await client.dump(physicalKey(key));
    expect(await cache.get(key, () => 'loaded')).toBe('loaded');
    expect((await cache.getMany([key], async (keys) => new Map(keys.map((each) => [each, 'many'])))).get(key)).toBe(
      'many',
    );
    await expect(cache.set(key, 1)).rejects.toMatchObject({ code: 'E_FOREIGN_ENTRY' });
    expect(await cache.delete(key)).toBe(false);
    expect(await cache.ttl(key)).toBeUndefined();
    await cache.invalidatePattern(`${key.slice(0, -1)}*`);
    expect(await client.dump(physicalKey(key))).toBe(before);
  });

  test('compressed values come back, and a broken one is a miss', async () => {
    const cache = rig.cache();
    const key = `user:${rig.name()}:1`;
    const value = { text: 'abc '.repeat(10_000) };
    await cache.set(key, value);
    const client = cache.redis.client('cache');
    expect((await client.get(physicalKey(key)))!.length).toBeLessThan(2_000);
    expect(await cache.get(key)).toEqual(value);
    expect((await cache.getMany([key])).get(key)).toEqual(value);
    await client.setrange(physicalKey(key), 60, '@@@@');
    expect(await cache.get(key, () => 'loaded')).toBe('loaded');
    expect(await cache.get(key)).toBe('loaded');
  });
});
