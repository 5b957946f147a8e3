import { setTimeout as sleep } from 'node:timers/promises';
import { TagGenerations } from '../../../src/cache/invalidate/tag-generations';
import { KeyPolicies } from '../../../src/cache/key-policy';
import { LocalLayer } from '../../../src/cache/local/local-layer';
import { ServerTime } from '../../../src/cache/server-time';
import { Telemetry } from '../../../src/cache/telemetry';
import { systemClock } from '../../../src/clock';
import { defineEntity } from '../../../src/entities/define-entity';
import { physicalKey } from '../../../src/entities/key';
import { entityRegistry } from '../../../src/entities/registry';
import { NO_VERSION } from '../../../src/entities/version';
import type { RedisHandle } from '../../../src/redis';
import { encodeEntry } from '../entry/encode-entry';
import { type Rig, startRig, type TestCache, topologies, until } from '../rig';

const codeOf = (error: unknown): string => (error as { code: string }).code;

/** Copies are made only once messages arrive: resolves when the cache has one. */
async function listening(cache: TestCache, key: string): Promise<void> {
  await until(async () => {
    const value = await cache.get<object>(key);
    return value !== undefined && (await cache.get(key)) === value;
  });
}

describe.each(topologies)('the local layer on %s', (topology) => {
  let rig: Rig;
  beforeAll(async () => {
    rig = await startRig(topology);
  });
  afterAll(() => rig?.close());

  const local = { maxBytes: 1_000_000, boundMs: 600_000 };

  test('hands out one frozen value, and asks Redis no more', async () => {
    const cache = rig.cache({ local });
    const key = `user:${rig.name()}:1`;
    await cache.set(key, { deep: { list: [1] } });
    await listening(cache, key);
    const first = await cache.get<{ deep: { list: number[] } }>(key);
    await cache.redis.client('cache').del(physicalKey(key));
    const second = await cache.get<{ deep: { list: number[] } }>(key);
    expect(second).toBe(first);
    expect(() => second!.deep.list.push(2)).toThrow(TypeError);
  });

  test('batches take copies if there are some, strict readers take none', async () => {
    const cache = rig.cache({ local });
    const name = rig.name();
    const [copied, other] = [`user:${name}:1`, `user:${name}:2`];
    await cache.set(copied, { from: 'Redis' });
    await listening(cache, copied);
    const client = cache.redis.client('cache');
    await client.del(physicalKey(copied));
    const loadMany = async (keys: readonly string[]) => new Map(keys.map((key) => [key, { from: 'the source' }]));
    const values = await cache.getMany([copied, other], loadMany);
    expect([values.get(copied), values.get(other)]).toEqual([{ from: 'Redis' }, { from: 'the source' }]);
    expect(await cache.multiGet([copied])).toEqual([{ key: copied, value: { from: 'Redis' } }]);
    expect(await cache.has(copied)).toBe(true);
    expect(await client.exists(physicalKey(copied))).toBe(0);
    const strict = await cache.getMany([copied], loadMany, { strict: true });
    expect(strict.get(copied)).toEqual({ from: 'the source' });
  });

  test('a batch makes copies, as a single read does', async () => {
    const cache = rig.cache({ local });
    const key = `user:${rig.name()}:1`;
    await cache.set(key, { list: [1] });
    await until(async () => {
      const value = (await cache.getMany<object>([key])).get(key);
      return value !== undefined && (await cache.getMany<object>([key])).get(key) === value;
    });
  });

  test('a clock set back does not keep a copy alive', async () => {
    const now = { ms: Date.now() };
    const one = rig.cache({ local: { maxBytes: 1_000_000, boundMs: 5_000 }, clock: { now: () => now.ms } });
    const key = `user:${rig.name()}:1`;
    await one.set(key, { value: 'old' });
    await listening(one, key);
    await rig.cache().set(key, { value: 'new' });
    now.ms -= 3_600_000;
    expect(await one.get(key)).toEqual({ value: 'new' });
  });

  test.each(['delete', 'set', 'tag', 'prefix', 'pattern'] as const)(
    'learns of a %s elsewhere by a message',
    async (how) => {
      const name = rig.name();
      const entity = defineEntity<string>({ name: `user:${name}`, tags: () => [name] });
      const [one, other] = [
        rig.cache({ entities: [entity], local, epochCacheMs: 50 }),
        rig.cache({ entities: [entity], local, epochCacheMs: 50 }),
      ];
      const key = `user:${name}:1`;
      let value = 'old';
      const load = async () => value;
      expect(await one.get(key, load)).toBe('old');
      expect(await one.get(key, load)).toBe('old');
      value = 'new';
      const acts = {
        delete: () => other.delete(key),
        set: () => other.set(key, 'new'),
        tag: () => other.invalidateTag(name),
        prefix: () => other.invalidatePrefix(`user:${name}`),
        pattern: () => other.invalidatePattern(`user:${name}:*`),
      };
      await acts[how]();
      await until(async () => (await one.get(key, load)) === 'new');
    },
  );

  test('a missed message is repaired when the bound of the copy has passed', async () => {
    const now = { ms: Date.now() };
    const clock = { now: () => now.ms };
    const [one, silent] = [rig.cache({ local: { maxBytes: 1_000_000, boundMs: 5_000 }, clock }), rig.cache()];
    const [key, first] = [`user:${rig.name()}:1`, `user:${rig.name()}:2`];
    await one.set(first, {});
    await listening(one, first);
    await one.set(key, 'old');
    await one.get(key);
    await silent.set(key, 'new');
    expect(await one.get(key)).toBe('old');
    now.ms += 5_000;
    expect(await one.get(key)).toBe('new');
  });

  test('a read under way during a change of its key leaves no copy', async () => {
    const cache = rig.cache({ local });
    const key = `user:${rig.name()}:1`;
    await cache.set(key, 'old');
    const reading = cache.get(key);
    await Promise.all([reading, cache.set(key, 'new')]);
    expect(await cache.get(key)).toBe('new');
  });

  test('is bounded by its bytes', async () => {
    const cache = rig.cache({ local: { maxBytes: 2_000, boundMs: 600_000 } });
    const name = rig.name();
    const keys = Array.from({ length: 20 }, (_, index) => `user:${name}:${index}`);
    await cache.setMany(keys.map((key) => ({ key, value: 'x'.repeat(200) })));
    await cache.set(`user:${name}:first`, {});
    await listening(cache, `user:${name}:first`);
    for (const key of keys) await cache.get(key);
    for (const key of keys) await cache.redis.client('cache').del(physicalKey(key));
    const kept = await Promise.all(keys.map((key) => cache.get(key)));
    const count = kept.filter((value) => value !== undefined).length;
    expect(count).toBeGreaterThan(2);
    expect(count).toBeLessThan(9);
  });
});

describe('while Redis is unavailable', () => {
  let rig: Rig;
  beforeAll(async () => {
    rig = await startRig('standalone');
  });
  afterAll(() => rig?.close());

  test('each mode answers from what it may use, and all is well again after', async () => {
    const name = rig.name();
    const local = { maxBytes: 1_000_000, boundMs: 50 };
    const modes = ['load', 'stale', 'local', 'fail'] as const;
    const [live, past] = [`user:${name}:live`, `user:${name}:past`];
    const defaults = { graceSeconds: 60, jitter: 0 };
    const caches = modes.map((whenRedisIsAway) => rig.cache({ whenRedisIsAway, local, deadlineMs: 100, defaults }));
    for (const cache of caches) {
      await cache.set(`user:${name}:first`, {});
      await listening(cache, `user:${name}:first`);
    }
    await caches[0]!.set(live, 'copy');
    await caches[0]!.set(past, 'copy', { ttlSeconds: 1, jitter: 0, graceSeconds: 60 });
    // Wait for the messages of these two sets. Later they would drop the copies.
    await sleep(50);
    for (const cache of caches) expect(await Promise.all([cache.get(live), cache.get(past)])).toEqual(['copy', 'copy']);
    await sleep(1_010);
    const server = rig.servers[0]!;
    await server.kill('SIGSTOP');
    const ask = (key: string) => Promise.all(caches.map((cache) => cache.get(key, () => 'loaded').catch(codeOf)));
    for (let round = 0; round < 8; round += 1) await ask(`user:${name}:none`);
    // Not E_DEADLINE: with the breaker open nobody waits.
    const unavailable = 'E_REDIS_UNAVAILABLE';
    expect(await ask(live)).toEqual(['copy', 'copy', 'copy', unavailable]);
    expect(await ask(past)).toEqual(['loaded', 'copy', unavailable, unavailable]);
    expect(await ask(`user:${name}:none`)).toEqual(['loaded', unavailable, unavailable, unavailable]);
    // Batches and questions take the same copies; a strict reader takes none, since its tag generations can't be read.
    const batches = caches.map((cache) => cache.multiGet([live]).then(([one]) => one?.value, codeOf));
    expect(await Promise.all(batches)).toEqual(['copy', 'copy', 'copy', unavailable]);
    const questions = caches.map((cache) => cache.has(live).catch(codeOf));
    expect(await Promise.all(questions)).toEqual([true, true, true, unavailable]);
    const strict = caches.map((cache) => cache.get(live, () => 'loaded', { strict: true }).catch(codeOf));
    expect(await Promise.all(strict)).toEqual(['loaded', unavailable, unavailable, unavailable]);
    await server.kill('SIGCONT');
    await until(async () => (await ask(`user:${name}:back`)).every((value) => value === 'loaded'));
    for (const cache of caches) expect(await cache.get(live)).toBe('copy');
  });

  test('local and stale need a local layer', () => {
    expect(() => rig.cache({ whenRedisIsAway: 'stale' })).toThrow('local layer');
    expect(() => rig.cache({ whenRedisIsAway: 'never' as never })).toThrow('whenRedisIsAway');
  });
});

test('an answer that a change has overtaken leaves no copy', () => {
  const generations = new TagGenerations({
    redis: {} as RedisHandle,
    get: async () => null,
    clock: systemClock,
    cacheMs: 1_000,
    skewMarginMs: 0,
  });
  const policies = new KeyPolicies({
    entities: entityRegistry([]),
    generations,
    telemetry: new Telemetry(undefined),
    prefixes: [],
    defaults: {},
  });
  const time = new ServerTime({ serverMicros: () => undefined } as unknown as RedisHandle, systemClock);
  const local = new LocalLayer({ maxBytes: 1_000_000 }, generations, time, systemClock);
  local.setListening(true);
  const [key, other] = ['user:local:1', 'user:local:2'];
  const expiresMs = Date.now() + 60_000;
  const header = { flags: 0, version: NO_VERSION, createdAtMs: Date.now(), expiresMs, costMs: 0, tags: [] };
  const raw = encodeEntry({ ...header, payload: '1' });
  const put = (changes: number) => local.put(key, raw, { value: 1, text: undefined }, policies.of(key), [], changes, 0);
  for (const change of [() => local.forget(key), () => local.forget()]) {
    const before = local.changesOf(key);
    change();
    put(before);
    expect(local.get(key)).toBeUndefined();
  }
  const before = local.changesOf(key);
  local.forget(other);
  put(before);
  expect(local.get(key)?.value).toBe(1);
});
