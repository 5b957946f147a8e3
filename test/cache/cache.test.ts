import { defineEntity } from '../../src/entities/define-entity';
import { physicalKey } from '../../src/entities/key';
import { deferred, type Rig, startRig, type TestCache, topologies } from './rig';

/** Every way to invalidate the first key of `user:<name>`, whose entity has the tag `tag-<name>`. */
const invalidate = {
  delete: (cache: TestCache, name: string) => cache.delete(`user:${name}:1`),
  set: (cache: TestCache, name: string, value: string) => cache.set(`user:${name}:1`, value),
  tag: (cache: TestCache, name: string) => cache.invalidateTag(`tag-${name}`),
  prefix: (cache: TestCache, name: string) => cache.invalidatePrefix(`user:${name}`),
  pattern: (cache: TestCache, name: string) => cache.invalidatePattern(`user:${name}:*`),
};
const everyHow = Object.keys(invalidate) as (keyof typeof invalidate)[];

describe.each(topologies)('cache-aside on %s', (topology) => {
  let rig: Rig;
  beforeAll(async () => {
    rig = await startRig(topology);
  });
  afterAll(() => rig?.close());

  test('a value is loaded once and then read', async () => {
    const cache = rig.cache();
    const key = `user:${rig.name()}:1`;
    let loads = 0;
    const load = async () => {
      loads += 1;
      return { name: 'Ada' };
    };
    expect(await cache.get(key, load)).toEqual({ name: 'Ada' });
    expect(await cache.get(key, load)).toEqual({ name: 'Ada' });
    expect(loads).toBe(1);
    expect(await cache.has(key)).toBe(true);
    expect(await cache.ttl(key)).toBeGreaterThan(3_400);
  });

  test('null, 0, false and the empty text are values, undefined is none', async () => {
    const cache = rig.cache();
    for (const [index, value] of [null, 0, false, ''].entries()) {
      const key = `user:${rig.name()}:${index}`;
      await cache.set(key, value);
      expect(await cache.get(key, () => 'loaded')).toBe(value);
      expect((await cache.getMany([key])).has(key)).toBe(true);
    }
    expect(await cache.get(`user:${rig.name()}:none`)).toBeUndefined();
  });

  test('set, delete and getMany agree across processes', async () => {
    const [one, other] = [rig.cache(), rig.cache()];
    const name = rig.name();
    const keys = Array.from({ length: 100 }, (_, index) => `user:${name}:${index}`);
    await one.setMany(keys.slice(0, 50).map((key) => ({ key, value: key })));
    const asked: string[][] = [];
    const values = await other.getMany(keys, async (missing) => {
      asked.push([...missing]);
      return new Map(missing.filter((key) => !key.endsWith('9')).map((key) => [key, `loaded ${key}`]));
    });
    expect(asked).toHaveLength(1);
    expect(asked[0]).toHaveLength(50);
    expect(values.size).toBe(95);
    expect(values.get(`user:${name}:3`)).toBe(`user:${name}:3`);
    expect(values.get(`user:${name}:53`)).toBe(`loaded user:${name}:53`);
    expect(await one.delete(`user:${name}:53`)).toBe(true);
    expect(await other.get(`user:${name}:53`)).toBeUndefined();
    expect(await one.multiGet([`user:${name}:3`, `user:${name}:53`])).toEqual([
      { key: `user:${name}:3`, value: `user:${name}:3` },
      { key: `user:${name}:53`, value: null },
    ]);
  });

  test('callers of one process and of another share one load', async () => {
    const [one, other] = [rig.cache(), rig.cache()];
    const key = `user:${rig.name()}:1`;
    let loads = 0;
    const gate = deferred();
    const load = async () => {
      loads += 1;
      await gate.promise;
      return loads;
    };
    const gets = [one, other, one, other].flatMap((cache) => Array.from({ length: 10 }, () => cache.get(key, load)));
    setTimeout(gate.resolve, 50);
    expect(new Set(await Promise.all(gets))).toEqual(new Set([1]));
    expect(loads).toBe(1);
  });

  /** A load of 'old' that has begun in `one` and goes on when the gate is opened. */
  async function heldLoad() {
    const name = rig.name();
    const entity = defineEntity<string>({ name: `user:${name}`, tags: () => [`tag-${name}`] });
    const [one, other] = [rig.cache({ entities: [entity] }), rig.cache({ entities: [entity] })];
    const key = `user:${name}:1`;
    const [begun, gate] = [deferred(), deferred()];
    const loading = one.get(key, async () => {
      begun.resolve();
      await gate.promise;
      return 'old';
    });
    await begun.promise;
    return { one, other, name, key, gate, loading };
  }

  test.each(everyHow)('what was loaded before a %s is never stored after it', async (how) => {
    const { other, name, key, gate, loading } = await heldLoad();
    await invalidate[how](other, name, 'set');
    gate.resolve();
    await loading;
    const raw = await rig.connect().client('cache').get(physicalKey(key));
    if (how === 'delete' || how === 'pattern') expect(raw).toBeNull();
    expect(await other.get(key, async () => 'new')).toBe(how === 'set' ? 'set' : 'new');
  });

  test.each(everyHow)('nobody who comes after a %s is given what a load read before it', async (how) => {
    const { one, other, name, key, gate, loading: before } = await heldLoad();
    await invalidate[how](one, name, 'new');
    const after = [one, other].map((cache) => cache.get(key, async () => 'new', { strict: true }));
    // The old load is still under way: who joined it would be waiting.
    expect(await Promise.all(after)).toEqual(['new', 'new']);
    gate.resolve();
    expect(await before).toBe('old');
    expect(await other.get(key)).toBe('new');
  });
});
