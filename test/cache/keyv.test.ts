import { setTimeout as sleep } from 'node:timers/promises';
import { createCache as createCacheManager } from 'cache-manager';
import { Keyv } from 'keyv';
import { createKeyvStore } from '../../src/cache/keyv';
import { type Rig, startRig, topologies } from './rig';

describe.each(topologies)('the Keyv adapter on %s', (topology) => {
  let rig: Rig;
  beforeAll(async () => {
    rig = await startRig(topology);
  });
  afterAll(() => rig?.close());

  function open(namespace?: string, name = rig.name()) {
    const cache = rig.cache();
    const store = createKeyvStore({ cache, redis: cache.redis, name });
    return { keyv: new Keyv({ store, ...(namespace && { namespace }) }), cache, name };
  }

  test('sets, gets, deletes, and says what is there', async () => {
    const { keyv } = open();
    expect(await keyv.set('a', { deep: [1, null] })).toBe(true);
    expect(await keyv.get('a')).toEqual({ deep: [1, null] });
    expect(await keyv.has('a')).toBe(true);
    expect(await keyv.delete('a')).toBe(true);
    expect(await keyv.delete('a')).toBe(false);
    expect(await keyv.get('a')).toBeUndefined();
    expect(await keyv.has('a')).toBe(false);
  });

  test('takes odd keys as they are', async () => {
    const { keyv } = open();
    const keys = ['{a}', 'a b', 'a::b', ':', 'é*?[x]', '100%'];
    for (const key of keys) await keyv.set(key, key);
    expect(await keyv.get(keys)).toEqual(keys);
  });

  test('does many at once', async () => {
    const { keyv } = open();
    await keyv.setMany(Array.from({ length: 50 }, (_, index) => ({ key: `k${index}`, value: index })));
    expect(await keyv.getMany(['k1', 'none', 'k49'])).toEqual([1, undefined, 49]);
    expect(await keyv.hasMany(['k1', 'none'])).toEqual([true, false]);
    expect(await keyv.deleteMany(['k1', 'k2'])).toBe(true);
    expect(await keyv.getMany(['k1', 'k2', 'k3'])).toEqual([undefined, undefined, 3]);
  });

  test('a TTL ends a life, and without one there is still an end', async () => {
    const { keyv, cache, name } = open('ns');
    await keyv.set('short', 1, 30);
    await keyv.set('long', 1);
    expect(await cache.ttl(`keyv:${name}:k:ns:long`)).toBeGreaterThan(2_500_000);
    await sleep(60);
    expect(await keyv.get('short')).toBeUndefined();
  });

  test('iterates and clears its own namespace, and no other', async () => {
    const name = rig.name();
    const [one, other] = [open('one*', name).keyv, open('one', name).keyv];
    const expected = Array.from({ length: 300 }, (_, index) => [`k${index}`, index] as const);
    for (const [key, value] of expected) await one.set(key, value);
    await other.set('mine', 'stays');
    const seen: [string, unknown][] = [];
    for await (const pair of one.iterator!(undefined)) seen.push(pair as [string, unknown]);
    expect(new Map(seen)).toEqual(new Map(expected));
    expect(seen).toHaveLength(300);
    await one.clear();
    expect(await one.get('k1')).toBeUndefined();
    expect(await other.get('mine')).toBe('stays');
  });

  test('carries cache-manager', async () => {
    const manager = createCacheManager({ stores: [open().keyv] });
    let calls = 0;
    const load = async () => {
      calls += 1;
      return 'value';
    };
    expect(await manager.wrap('key', load, 60_000)).toBe('value');
    expect(await manager.wrap('key', load, 60_000)).toBe('value');
    expect(calls).toBe(1);
    expect(await manager.del('key')).toBe(true);
    expect(await manager.get('key')).toBeUndefined();
  });
});
