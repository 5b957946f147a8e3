import { createFence } from '../../../src/cache';
import { systemClock } from '../../../src/clock';
import { defineEntity } from '../../../src/entities/define-entity';
import type { EntityStore, WriteRow } from '../../../src/entities/entity-store';
import { companionKey, physicalKey } from '../../../src/entities/key';
import { isNewer, type Version, versionMs } from '../../../src/entities/version';
import { silentLogger } from '../../../src/logger';
import { memoryStore } from '../memory-store';
import { deferred, type Rig, startRig, topologies } from '../rig';

describe.each(topologies)('fence on %s', (topology) => {
  let rig: Rig;
  beforeAll(async () => {
    rig = await startRig(topology);
  });
  afterAll(() => rig?.close());

  function setUp() {
    const name = rig.name();
    const { store, rows } = memoryStore();
    const entity = defineEntity<string>({ name: `doc:${name}`, store });
    const journalled: WriteRow[] = [];
    const journal = {
      append: async ({ key, version, value }: WriteRow) => void journalled.push({ key, version, value }),
      close: async () => {},
    };
    const cache = rig.cache({ entities: [entity], journal });
    const other = rig.cache({ entities: [entity] });
    const redis = rig.connect();
    const fence = createFence({ redis, logger: silentLogger, clock: systemClock });
    const raw = (key: string) => redis.client('cache').get(physicalKey(key));
    return { key: `doc:${name}:1`, cache, other, fence, raw, redis, rows, store, journalled };
  }

  test('versions grow, whatever the writer', async () => {
    const { fence, cache, key } = setUp();
    const versions: Version[] = [];
    for (let index = 0; index < 20; index += 1) versions.push(await (index % 2 ? fence : cache).takeVersion(key));
    const own = versions.filter((_, index) => index % 2 === 0);
    expect([...own].sort()).toEqual(own);
    expect(new Set(versions).size).toBe(20);
    expect(Math.abs(versionMs(versions[0] as Version) - Date.now())).toBeLessThan(5_000);
  });

  test('a version follows the entry, even one from the future', async () => {
    const { fence, key } = setUp();
    const future = `${'3'.repeat(16)}000` as Version;
    await fence.publish({ key, version: future, value: '"later"' }, { ttlSeconds: 60 });
    expect(isNewer(await fence.takeVersion(key), future)).toBe(true);
  });

  test('a written-behind value is read before it is saved, and stays until a newer one comes', async () => {
    const { cache, other, key, journalled, fence, raw } = setUp();
    const version = await cache.writeBehind(key, 'one');
    expect(journalled).toEqual([{ key, version, value: '"one"' }]);
    expect(await other.get(key)).toBe('one');
    expect((await raw(key))?.charAt(1)).toBe('1');
    await fence.publish({ key, version: '1'.padStart(19, '0') as Version, value: '"older"' }, { ttlSeconds: 60 });
    expect(await other.get(key)).toBe('one');
    const next = await cache.writeBehind(key, undefined);
    expect(isNewer(next, version)).toBe(true);
    expect(await other.get(key)).toBeUndefined();
    expect(await other.has(key)).toBe(true);
  });

  test('a tag invalidation spares a write that the database may not have yet, until it is settled', async () => {
    const { cache, other, key, fence, store, journalled } = setUp();
    await cache.writeBehind(key, 'written');
    await other.invalidatePrefix(key.split(':').slice(0, 2).join(':'));
    expect(await other.get(key)).toBe('written');
    const [row] = journalled as [WriteRow];
    const [outcome] = await store.saveMany([row]);
    expect(outcome).toEqual({ saved: true });
    await fence.settle([row], { ttlSeconds: 60 });
    await store.saveMany([{ key, version: await fence.takeVersion(key), value: '"elsewhere"' }]);
    expect(await other.get(key)).toBe('elsewhere');
  });

  test('settling clears an equal entry, drops an older one, keeps a newer one', async () => {
    const { cache, key, fence, raw } = setUp();
    const version = await cache.writeBehind(key, 'one');
    const row = { key, version, value: '"one"' };
    await fence.settle([row], { ttlSeconds: 60 });
    expect((await raw(key))?.charAt(1)).toBe('0');
    await fence.settle([{ key, version: '1'.padStart(19, '0') as Version }], { ttlSeconds: 60 });
    expect(await raw(key)).not.toBeNull();
    const later = await fence.takeVersion(key);
    await fence.settle([{ key, version: later }], { ttlSeconds: 60 });
    expect(await raw(key)).toBeNull();
  });

  test('a load that read the row before the commit can not be stored after it', async () => {
    const { cache, key, fence, raw, redis, store } = setUp();
    const [begun, gate] = [deferred(), deferred()];
    const slow: EntityStore<string> = {
      ...store,
      loadMany: async () => {
        begun.resolve();
        await gate.promise;
        return new Map([[key, { deleted: false, value: 'old', version: '1'.padStart(19, '0') as Version }]]);
      },
    };
    const reader = rig.cache({
      entities: [defineEntity<string>({ name: key.split(':').slice(0, 2).join(':'), store: slow })],
    });
    const reading = reader.get(key);
    await begun.promise;
    expect(await redis.client('cache').exists(companionKey(key, 'lease'))).toBe(1);
    const version = await fence.takeVersion(key);
    await fence.settle([{ key, version }], { ttlSeconds: 60 });
    gate.resolve();
    expect(await reading).toBe('old');
    await cache.takeVersion(key);
    expect(await raw(key)).toBeNull();
  });

  test('a dead letter takes its own version out of the cache and no other', async () => {
    const { cache, key, fence, raw } = setUp();
    const first = await cache.writeBehind(key, 'bad');
    await fence.discard(key, '1'.padStart(19, '0') as Version);
    expect(await raw(key)).not.toBeNull();
    await fence.discard(key, first);
    expect(await raw(key)).toBeNull();
  });

  test('a write that is settled before it is shown is not shown, nor is an older one', async () => {
    const { cache, key, fence, raw, store } = setUp();
    const [older, version] = [await fence.takeVersion(key), await fence.takeVersion(key)];
    await store.saveMany([{ key, version, value: '"saved"' }]);
    await fence.settle([{ key, version }], { ttlSeconds: 60 });
    await fence.publish({ key, version, value: '"saved"' }, { ttlSeconds: 60 });
    await fence.publish({ key, version: older, value: '"older"' }, { ttlSeconds: 60 });
    expect(await raw(key)).toBeNull();
    expect(await cache.get(key)).toBe('saved');
    const next = await cache.writeBehind(key, 'newer');
    expect(next > version).toBe(true);
    expect((await raw(key))?.slice(1, 21)).toBe(`1${next}`);
  });

  test('a write that is shown between the two commands of its settle does not stay dirty', async () => {
    const { key, redis, raw } = setUp();
    const row = {
      key,
      version: await createFence({ redis, logger: silentLogger, clock: systemClock }).takeVersion(key),
    };
    const between = {
      ...{ mode: redis.mode, client: redis.client.bind(redis), ready: redis.ready.bind(redis) },
      async run(...[store, script, ...rest]: Parameters<typeof redis.run>) {
        if (script.name.startsWith('supersede')) await publishing({ ...row, value: '"late"' }, { ttlSeconds: 60 });
        return redis.run(store, script, ...rest);
      },
    } as unknown as typeof redis;
    const { publish: publishing } = createFence({ redis, logger: silentLogger, clock: systemClock });
    await createFence({ redis: between, logger: silentLogger, clock: systemClock }).settle([row], { ttlSeconds: 60 });
    expect(await raw(key)).toBeNull();
  });

  test.each(['delete', 'invalidatePattern'] as const)(
    'an older write is not shown after a newer one was written through and gone by %s',
    async (how) => {
      const { cache, other, key, fence, raw } = setUp();
      const version = await fence.takeVersion(key);
      await other.writeThrough(key, 'newer');
      await other[how](key);
      await fence.publish({ key, version, value: '"older"' }, { ttlSeconds: 60 });
      expect(await raw(key)).toBeNull();
      expect(await cache.get(key)).toBe('newer');
    },
  );

  test('a write that became a dead letter before it is shown is not shown', async () => {
    const { key, fence, raw } = setUp();
    const version = await fence.takeVersion(key);
    await fence.discard(key, version);
    await fence.publish({ key, version, value: '"bad"' }, { ttlSeconds: 60 });
    expect(await raw(key)).toBeNull();
  });

  test('a mark outlives every late showing, is left for stored entities only, and not for an old write', async () => {
    const { cache, key, fence, redis } = setUp();
    const mark = (of: string) => redis.client('cache').pttl(companionKey(of, 'settled'));
    await fence.settle([{ key, version: '1'.padStart(19, '0') as Version }], { ttlSeconds: 60 });
    const plain = `plain:${rig.name()}:1`;
    await cache.set(plain, 1);
    await cache.delete(plain);
    expect([await mark(key), await mark(plain)]).toEqual([-2, -2]);
    await fence.settle([{ key, version: await fence.takeVersion(key) }], { ttlSeconds: 60 });
    expect(await mark(key)).toBeGreaterThan(60_000);
  });

  test('a mark of another form is no obstacle to a write', async () => {
    const { key, fence, redis, raw } = setUp();
    const client = redis.client('cache');
    await client.set(companionKey(key, 'settled'), 'of another form');
    const version = await fence.takeVersion(key);
    await fence.publish({ key, version, value: '"shown"' }, { ttlSeconds: 60 });
    expect((await raw(key))?.charAt(1)).toBe('1');
  });

  test('write-through saves and shows, and shows nothing where the save failed', async () => {
    const { cache, other, key, rows } = setUp();
    await cache.writeThrough(key, 'through');
    expect(rows.get(key)?.value).toBe('"through"');
    expect(await other.get(key)).toBe('through');
    const plain = `plain:${rig.name()}:1`;
    await cache.set(plain, 'old');
    await expect(cache.writeThrough(plain, 'new', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(await cache.get(plain)).toBeUndefined();
  });

  test('of two write-throughs at once the later version stays, in the store and in the cache', async () => {
    const { key, store, rows, cache } = setUp();
    const [begun, gate] = [deferred(), deferred()];
    const slow: EntityStore<string> = {
      ...store,
      saveMany: async (given, ...rest) => {
        begun.resolve();
        await gate.promise;
        return store.saveMany(given, ...rest);
      },
    };
    const name = key.split(':').slice(0, 2).join(':');
    const late = rig.cache({ entities: [defineEntity<string>({ name, store: slow })] });
    const first = late.writeThrough(key, 'first');
    await begun.promise;
    await cache.writeThrough(key, 'second');
    gate.resolve();
    await first;
    expect(rows.get(key)?.value).toBe('"second"');
    expect(await cache.get(key)).toBe('second');
  });

  test('of two functions that write through at once the cache keeps neither: the next read loads', async () => {
    const [one, other] = [rig.cache(), rig.cache()];
    const key = `plain:${rig.name()}:1`;
    const [begun, gate] = [deferred(), deferred()];
    let row = '';
    const first = one.writeThrough(key, 'first', async (value) => {
      begun.resolve();
      await gate.promise;
      row = value;
    });
    await begun.promise;
    await other.writeThrough(key, 'second', async (value) => {
      row = value;
    });
    expect(await other.get(key, () => row)).toBe('second');
    gate.resolve();
    await first;
    expect(await other.get(key, () => row)).toBe('first');
  });

  test('values of an entity with a store are JSON, whatever the serializer of the cache', async () => {
    const { key, store, journalled, fence, raw } = setUp();
    const serializer = {
      serialize: (value: unknown) => `mine ${JSON.stringify(value)}`,
      deserialize(text: string) {
        if (!text.startsWith('mine ')) throw new Error('not mine');
        return JSON.parse(text.slice('mine '.length));
      },
    };
    const journal = { append: async (row: WriteRow) => void journalled.push(row), close: async () => {} };
    const entity = defineEntity<string>({ name: key.split(':').slice(0, 2).join(':'), store });
    const cache = rig.cache({ entities: [entity], journal, serializer });
    const plain = `plain:${rig.name()}:1`;
    await cache.set(plain, 'one');
    expect(await raw(plain)).toMatch(/mine "one"$/);
    expect(await cache.get(plain)).toBe('one');
    await cache.writeBehind(key, 'behind');
    expect(await cache.get(key)).toBe('behind');
    await store.saveMany(journalled);
    await fence.settle(journalled, { ttlSeconds: 60 });
    await cache.writeThrough(key, 'through');
    expect(await raw(key)).toMatch(/"through"$/);
    expect(await cache.get(key)).toBe('through');
    await cache.delete(key);
    expect(await cache.get(key)).toBe('through');
    expect(await cache.get(key)).toBe('through');
    expect(await raw(key)).not.toContain('mine');
  });

  test('a write that can not be cached is refused before anything is saved', async () => {
    const { key, store, rows, journalled } = setUp();
    const journal = { append: async (row: WriteRow) => void journalled.push(row), close: async () => {} };
    const entity = defineEntity<string>({ name: key.split(':').slice(0, 2).join(':'), store });
    const cache = rig.cache({ entities: [entity], journal, maxValueBytes: 1_000 });
    await cache.writeThrough(key, 'kept');
    const cases = [
      [1n, {}, 'E_SERIALIZE'],
      ['x', { tags: [''] }, 'E_CACHE_INPUT'],
      ['x', { ttlSeconds: 0 }, 'E_CACHE_INPUT'],
    ] as const;
    for (const [value, options, code] of cases) {
      await expect(cache.writeThrough<unknown>(key, value, undefined, options)).rejects.toMatchObject({ code });
      await expect(cache.writeBehind(key, value, options)).rejects.toMatchObject({ code });
    }
    const large = cache.writeThrough(key, 'x'.repeat(1_000));
    await expect(large).rejects.toMatchObject({ code: 'E_VALUE_TOO_LARGE' });
    expect(journalled).toEqual([]);
    expect(rows.get(key)?.value).toBe('"kept"');
    expect(await cache.get(key)).toBe('kept');
  });

  test('a value over maxValueBytes that was accepted behind is shown, and later handed out uncached', async () => {
    const { key, store, journalled, fence } = setUp();
    const journal = { append: async (row: WriteRow) => void journalled.push(row), close: async () => {} };
    const entity = defineEntity<string>({ name: key.split(':').slice(0, 2).join(':'), store });
    const cache = rig.cache({ entities: [entity], journal, maxValueBytes: 1_000 });
    const large = 'x'.repeat(10_000);
    await cache.writeBehind(key, large);
    expect(await cache.get(key)).toBe(large);
    await store.saveMany(journalled);
    await fence.settle(journalled, { ttlSeconds: 60 });
    expect(await cache.multiGet([key])).toEqual([{ key, value: large }]);
    await cache.delete(key);
    expect(await cache.get(key)).toBe(large);
    expect(await cache.has(key)).toBe(false);
  });

  test('a write that the journal refused or does not know of leaves the cache alone', async () => {
    const { key, store, raw } = setUp();
    const entity = defineEntity<string>({ name: key.split(':').slice(0, 2).join(':'), store });
    for (const code of ['E_WRITE_REFUSED', 'E_WRITE_UNKNOWN']) {
      const journal = { append: () => Promise.reject(Object.assign(new Error(code), { code })), close: async () => {} };
      const cache = rig.cache({ entities: [entity], journal });
      await expect(cache.writeBehind(key, 'x')).rejects.toMatchObject({ code });
      expect(await raw(key)).toBeNull();
    }
  });

  test('a write is repeated with its version', async () => {
    const { cache, key, journalled } = setUp();
    const version = await cache.takeVersion(key);
    expect(await cache.writeBehind(key, 'x', { version })).toBe(version);
    expect(await cache.writeBehind(key, 'x', { version })).toBe(version);
    expect(journalled.map((row) => row.version)).toEqual([version, version]);
  });
});
