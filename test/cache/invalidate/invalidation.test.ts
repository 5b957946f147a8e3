import { createReclaimer } from '../../../src/cache';
import { systemClock } from '../../../src/clock';
import { defineEntity } from '../../../src/entities/define-entity';
import { physicalKey } from '../../../src/entities/key';
import { entityRegistry } from '../../../src/entities/registry';
import { type Rig, startRig, topologies } from '../rig';

describe.each(topologies)('invalidation on %s', (topology) => {
  let rig: Rig;
  beforeAll(async () => {
    rig = await startRig(topology);
  });
  afterAll(() => rig?.close());

  test('a pattern takes exactly what it matches, and nothing foreign', async () => {
    const cache = rig.cache();
    const client = rig.admin().client('cache');
    const name = rig.name();
    const matching = Array.from({ length: 60 }, (_, index) => `user:${name}:${index}:data`);
    const others = [`user:${name}x:1:data`, `user:${name}:1:other`, `user:${name}:1`];
    await cache.setMany([...matching, ...others].map((key) => ({ key, value: key })));
    const foreign = [
      `cache:user:${name}:1:data`,
      `user:${name}:1:data`,
      `cache:{user:${name}:1}:data}`,
      `cache:{user:${name}:1:data}:mine`,
      `sess:{user:${name}:1:data}`,
    ];
    for (const key of foreign) await client.set(key, 'foreign');
    expect(await cache.invalidatePattern(`user:${name}:*:data`)).toBe(60);
    for (const key of matching) expect(await cache.has(key)).toBe(false);
    for (const key of others) expect(await cache.get(key)).toBe(key);
    for (const key of foreign) expect(await client.get(key)).toBe('foreign');
    for (const node of await cache.redis.nodes('masters', 'cache')) {
      expect(await node.client.info('commandstats')).not.toMatch(/cmdstat_(keys|flushdb|flushall):/);
    }
  });

  test('glob characters in keys are characters where the pattern escapes them', async () => {
    const cache = rig.cache();
    const name = rig.name();
    const odd = `user:${name}:[a]*?\\^`;
    const near = [`user:${name}:a`, `user:${name}:[a]xx\\^`, `user:${name}:a*?\\^`];
    await cache.setMany([odd, ...near].map((key) => ({ key, value: key })));
    expect(await cache.invalidatePattern(`user:${name}:\\[a\\]\\*\\?\\\\\\^`)).toBe(1);
    expect(await cache.has(odd)).toBe(false);
    for (const key of near) expect(await cache.has(key)).toBe(true);
    await cache.set(odd, odd);
    expect(await cache.invalidatePattern(`user:${name}:[[]*`)).toBe(2);
    expect(await cache.has(near[0]!)).toBe(true);
  });

  test('braces, spaces and percent signs in a pattern stand for themselves', async () => {
    const cache = rig.cache();
    const name = rig.name();
    const keys = [`user:${name}:{a} 100%`, `user:${name}:a 100`];
    await cache.setMany(keys.map((key) => ({ key, value: key })));
    expect(await cache.invalidatePattern(`user:${name}:{a} 1*%`)).toBe(1);
    expect(await cache.has(keys[1]!)).toBe(true);
  });

  test('invalidating a tag makes its entries misses, in every process within the generation bound', async () => {
    const name = rig.name();
    const [one, other] = [rig.cache(), rig.cache({ epochCacheMs: 0 })];
    const tagged = { tags: [`team ${name} é`] };
    await one.set(`user:${name}:1`, 'one', tagged);
    await one.set(`user:${name}:2`, 'two');
    expect(await other.get(`user:${name}:1`)).toBe('one');
    await one.invalidateTag(`team ${name} é`);
    expect(await other.get(`user:${name}:1`)).toBeUndefined();
    expect(await one.get(`user:${name}:1`)).toBeUndefined();
    expect(await one.get(`user:${name}:2`)).toBe('two');
    // An entry stored right after is live, although the generation includes a skew margin.
    await one.set(`user:${name}:1`, 'again', tagged);
    expect(await other.get(`user:${name}:1`)).toBe('again');
  });

  test('a strict reader sees an invalidation at once, another one within the generation bound', async () => {
    const entity = defineEntity<string>({ name: `user:${rig.name()}` });
    const strict = defineEntity<string>({ name: entity.name, strict: true });
    const now = { ms: Date.now() };
    const clock = { now: () => now.ms };
    const [one, late, sharp] = [
      rig.cache({ entities: [entity] }),
      rig.cache({ entities: [entity], clock, epochCacheMs: 1_000 }),
      rig.cache({ entities: [strict] }),
    ];
    const key = `${entity.name}:1`;
    await one.set(key, 'old');
    expect(await late.get(key)).toBe('old');
    expect(await sharp.get(key)).toBe('old');
    await one.invalidatePrefix(entity.name);
    expect(await sharp.get(key)).toBeUndefined();
    expect(await late.get(key)).toBe('old');
    now.ms += 1_000;
    expect(await late.get(key)).toBeUndefined();
  });

  test('declared prefixes, wide and narrow, take their keys and no others', async () => {
    const name = rig.name();
    const prefixes = [`user:${name}:7:`, `us${name}`];
    const entity = defineEntity<string>({ name: `user:${name}` });
    const cache = rig.cache({ entities: [entity], prefixes });
    const keys = [`user:${name}:7:a`, `user:${name}:70:a`, `us${name}:x:1`, `us${name}y:x`, `usx:${name}:1`];
    await cache.setMany(keys.map((key) => ({ key, value: key })));
    await cache.invalidatePrefix(`user:${name}:7:`);
    await cache.invalidatePrefix(`us${name}`);
    const alive = await Promise.all(keys.map((key) => cache.has(key)));
    expect(alive).toEqual([false, true, false, false, true]);
  });

  test('a lost tag generation causes misses, and never serves what it had invalidated', async () => {
    const entity = defineEntity<string>({ name: `user:${rig.name()}` });
    const cache = rig.cache({ entities: [entity], epochCacheMs: 0 });
    const client = cache.redis.client('cache');
    const key = `${entity.name}:1`;
    await cache.set(key, 'killed');
    await cache.invalidatePrefix(entity.name);
    await client.del(`cache:epoch:{p:${entity.name}:}`);
    expect(await cache.get(key)).toBeUndefined();
    // The load of another key creates the generation again. It must not make the invalidated entry valid.
    await cache.get(`${entity.name}:2`, () => 'other');
    expect(await cache.get(key)).toBeUndefined();
    expect(await cache.get(`${entity.name}:2`)).toBe('other');
  });

  test('an invalidation kills what was stored in its own millisecond, whichever tag is newest', async () => {
    const cache = rig.cache();
    const alive: number[] = [];
    for (let round = 0; round < 150; round += 1) {
      const name = rig.name();
      await cache.set(`other:${name}:1`, round, { tags: [`${name}-a`, `${name}-b`] });
      await cache.invalidateTag(`${name}-${round % 2 === 0 ? 'a' : 'b'}`);
      if ((await cache.get(`other:${name}:1`)) !== undefined) alive.push(round);
    }
    expect(alive).toEqual([]);
  });

  test('invalidated entries are reclaimed, and no others', async () => {
    const name = rig.name();
    const entity = defineEntity<string>({ name: `user:${name}` });
    const cache = rig.cache({ entities: [entity] });
    const client = cache.redis.client('cache');
    const [dead, tagged, alive] = [`user:${name}:1`, `other:${name}:1`, `user:${name}:2`];
    await cache.set(dead, 1);
    await cache.set(tagged, 1, { tags: [name, ...Array.from({ length: 60 }, (_, index) => `${name}-${index}-long`)] });
    await cache.invalidatePrefix(entity.name);
    await cache.invalidateTag(name);
    await cache.set(alive, 1);
    await client.set(`cache:{foreign:${name}}`, 'foreign');
    const keys = [dead, tagged, alive, `foreign:${name}`].map(physicalKey);
    const page = [...keys, `${physicalKey(dead)}:lease`, 'sess:x'];
    const redis = rig.connect();
    const reclaimer = createReclaimer({
      redis,
      entities: entityRegistry([entity]),
      clock: systemClock,
      prefixes: [],
    });
    expect(await reclaimer.reclaim(page, { dryRun: true })).toEqual({ entries: 3, dead: 2, unlinked: 0 });
    expect(await reclaimer.reclaim(page, { dryRun: false })).toEqual({ entries: 3, dead: 2, unlinked: 2 });
    expect(await Promise.all(keys.map((key) => client.exists(key)))).toEqual([0, 0, 1, 1]);
  });

  test('warm stores what is not there, and leaves a running load its right', async () => {
    const name = rig.name();
    const cache = rig.cache();
    const [there, absent] = [`user:${name}:1`, `user:${name}:2`];
    await cache.set(there, 'there');
    expect(
      await cache.warm([
        { key: there, value: 'warm' },
        { key: absent, value: 'warm', ttl: 60 },
      ]),
    ).toBe(1);
    expect(await cache.multiGet([there, absent])).toEqual([
      { key: there, value: 'there' },
      { key: absent, value: 'warm' },
    ]);
    expect(await cache.ttl(absent)).toBeLessThanOrEqual(61);
    expect(await cache.warmCache([{ key: there, value: 'warm' }])).toBe(0);
  });
});
