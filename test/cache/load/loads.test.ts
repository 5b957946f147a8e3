import { setTimeout as sleep } from 'node:timers/promises';
import type { Demand } from '../../../src/cache/ports';
import type { RefreshOutcome } from '../../../src/cache/types';
import { defineEntity } from '../../../src/entities/define-entity';
import { deferred, type Rig, startRig, topologies, until } from '../rig';

describe.each(topologies)('loads on %s', (topology) => {
  let rig: Rig;
  beforeAll(async () => {
    rig = await startRig(topology);
  });
  afterAll(() => rig?.close());

  test('forty callers of a failing loader make one load and share its error', async () => {
    const cache = rig.cache();
    const key = `user:${rig.name()}:1`;
    let loads = 0;
    const fault = new Error('the source is down');
    const load = async () => {
      loads += 1;
      await sleep(20);
      throw fault;
    };
    const errors = await Promise.all(Array.from({ length: 40 }, () => cache.get(key, load).catch((error) => error)));
    expect(loads).toBe(1);
    expect(errors.every((error) => error === fault)).toBe(true);
    expect(await cache.get(key, () => 'later')).toBe('later');
  });

  test('whenever callers come while a load runs, there is one', async () => {
    const caches = [rig.cache(), rig.cache()];
    const key = `user:${rig.name()}:1`;
    let loads = 0;
    const load = async () => {
      loads += 1;
      await sleep(60);
      return 'value';
    };
    const gets: Promise<unknown>[] = [];
    for (let wave = 0; wave < 30; wave += 1) {
      for (const cache of caches) gets.push(cache.get(key, load));
      await sleep(3);
    }
    expect(new Set(await Promise.all(gets))).toEqual(new Set(['value']));
    expect(loads).toBe(1);
  });

  test('a process that ends gives back the leases of its running loads, and another one loads at once', async () => {
    const [ending, other] = [rig.cache(), rig.cache()];
    const key = `user:${rig.name()}:1`;
    const [begun, gate] = [deferred(), deferred()];
    const slow = ending.get(key, async () => {
      begun.resolve();
      await gate.promise;
      return 'slow';
    });
    await begun.promise;
    await ending.close();
    expect(await other.get(key, () => 'other')).toBe('other');
    gate.resolve();
    expect(await slow).toBe('slow');
    // The load that went on without its lease stores nothing.
    expect(await rig.cache().get(key, () => 'third')).toBe('other');
  });

  test('batches and single reads of two processes load each key once', async () => {
    const [one, other] = [rig.cache(), rig.cache()];
    const name = rig.name();
    const keys = Array.from({ length: 40 }, (_, index) => `user:${name}:${index}`);
    const loaded: string[] = [];
    const loadMany = async (missing: readonly string[]) => {
      loaded.push(...missing);
      await sleep(20);
      return new Map(missing.map((key) => [key, key]));
    };
    const load = async (key: string) => (await loadMany([key])).get(key);
    const batches = [one.getMany(keys.slice(0, 30), loadMany), other.getMany(keys.slice(10), loadMany)];
    const singles = keys.flatMap((key) => [one.get(key, load), other.get(key, load)]);
    const [first, second] = await Promise.all(batches);
    expect([...first!.values()]).toEqual(keys.slice(0, 30));
    expect([...second!.values()]).toEqual(keys.slice(10));
    expect(await Promise.all(singles)).toEqual(keys.flatMap((key) => [key, key]));
    expect([...loaded].sort()).toEqual([...keys].sort());
  });

  test('a failing bulk loader is called once for all who wait, and what is stale within its grace is served', async () => {
    const cache = rig.cache();
    const name = rig.name();
    const keys = [`user:${name}:1`, `user:${name}:2`];
    const fault = new Error('the source is down');
    let calls = 0;
    // Connected, so that the batches below are read together; and the load lasts until the last of them has joined it.
    await cache.getMany(keys);
    const loadMany = async () => {
      calls += 1;
      await sleep(500);
      throw fault;
    };
    const errors = await Promise.all([1, 2, 3].map(() => cache.getMany(keys, loadMany).catch((error) => error)));
    expect(errors).toEqual([fault, fault, fault]);
    expect(calls).toBe(1);
    const options = { ttlSeconds: 0.001, jitter: 0, graceSeconds: 60 };
    await cache.setMany(
      keys.map((key) => ({ key, value: key })),
      options,
    );
    await sleep(20);
    expect([...(await cache.getMany(keys, loadMany, options)).values()]).toEqual(keys);
    expect(calls).toBe(2);
  });

  test('a failure is shared across processes for a moment where the entity says so', async () => {
    const entity = defineEntity<string>({ name: `user:${rig.name()}`, errorTtlMs: 60_000 });
    const [one, other] = [rig.cache({ entities: [entity] }), rig.cache({ entities: [entity] })];
    const key = `${entity.name}:1`;
    const fault = Object.assign(new Error('secret words'), { code: 'ECONNREFUSED' });
    await expect(one.get(key, () => Promise.reject(fault))).rejects.toBe(fault);
    let loads = 0;
    const load = async () => {
      loads += 1;
      return 'value';
    };
    const shared = other.get(key, load);
    await expect(shared).rejects.toMatchObject({ code: 'E_LOAD_FAILED', reason: 'ECONNREFUSED' });
    await expect(shared).rejects.not.toThrow('secret words');
    expect(loads).toBe(0);
    await other.delete(key);
    expect(await other.get(key, load)).toBe('value');
  });

  test('a stale value is served within its grace when the load fails or is slow, and replaced when it succeeds', async () => {
    const cache = rig.cache();
    const key = `user:${rig.name()}:1`;
    const options = { ttlSeconds: 0.05, jitter: 0, graceSeconds: 60, softTimeoutMs: 20 };
    await cache.set(key, 'stale', options);
    await sleep(70);
    expect(await cache.get(key, () => Promise.reject(new Error('down')), options)).toBe('stale');
    const gate = deferred();
    const slow = cache.get(key, () => gate.promise.then(() => 'fresh'), { ...options, ttlSeconds: 60 });
    expect(await slow).toBe('stale');
    gate.resolve();
    // The load went on in the background: whoever comes now joins it, or reads what it stored.
    expect(await cache.get(key, () => 'another load', { ...options, softTimeoutMs: 5_000 })).toBe('fresh');
  });

  test('a stale entry within its grace is not served after a delete or a tag invalidation', async () => {
    const name = rig.name();
    const entity = defineEntity<string>({ name: `user:${name}`, ttlSeconds: 0.05, jitter: 0, graceSeconds: 60 });
    const cache = rig.cache({ entities: [entity] });
    const down = () => Promise.reject(new Error('down'));
    for (const kill of [() => cache.delete(`user:${name}:1`), () => cache.invalidatePrefix(`user:${name}:`)]) {
      await cache.set(`user:${name}:1`, 'stale');
      await sleep(70);
      expect(await cache.get(`user:${name}:1`, down)).toBe('stale');
      await kill();
      await expect(cache.get(`user:${name}:1`, down)).rejects.toThrow('down');
    }
  });

  test('a load is aborted at its hard time-out, and its late value is ignored', async () => {
    const cache = rig.cache();
    const key = `user:${rig.name()}:1`;
    const gate = deferred();
    let aborted = false;
    const late = cache.get(
      key,
      async (_, { signal }) => {
        signal.addEventListener('abort', () => {
          aborted = true;
        });
        await gate.promise;
        return 'late';
      },
      { hardTimeoutMs: 50 },
    );
    await expect(late).rejects.toMatchObject({ code: 'E_LOAD_TIMEOUT' });
    expect(aborted).toBe(true);
    gate.resolve();
    await sleep(20);
    expect(await cache.get(key, () => 'next')).toBe('next');
  });

  test('the lease of a process that died is taken over', async () => {
    const [dead, alive] = [rig.cache(), rig.cache()];
    const key = `user:${rig.name()}:1`;
    const begun = deferred();
    const lost = dead.get(
      key,
      () => {
        begun.resolve();
        return new Promise(() => {});
      },
      { hardTimeoutMs: 100 },
    );
    lost.catch(() => {});
    await begun.promise;
    // Before its hard time-out the process is gone, and with it the only one who would give the lease back.
    await dead.redis.close();
    expect(await alive.get(key, () => 'taken over', { hardTimeoutMs: 2_000 })).toBe('taken over');
    await expect(lost).rejects.toMatchObject({ code: 'E_LOAD_TIMEOUT' });
  });

  test('"there is no such row" is remembered for as long as the entity says, and no longer', async () => {
    const entity = defineEntity<string>({ name: `user:${rig.name()}`, negativeTtlSeconds: 2, jitter: 0 });
    const cache = rig.cache({ entities: [entity] });
    const key = `${entity.name}:1`;
    let loads = 0;
    const load = async () => {
      loads += 1;
      return undefined;
    };
    expect(await cache.get(key, load)).toBeUndefined();
    expect(await cache.get(key, load)).toBeUndefined();
    expect(await cache.has(key)).toBe(true);
    expect(loads).toBe(1);
    await until(async () => !(await cache.has(key)));
    await cache.get(key, load);
    expect(loads).toBe(2);
    const other = `user:${rig.name()}:2`;
    await cache.get(other, load);
    await cache.get(other, load);
    expect(loads).toBe(4);
  });

  test('lives differ by the jitter, and by no more', async () => {
    const cache = rig.cache();
    const name = rig.name();
    const items = Array.from({ length: 50 }, (_, index) => ({ key: `user:${name}:${index}`, value: 1, ttl: 1_000 }));
    await cache.setMany(items, { jitter: 0.5 });
    const ttls = await Promise.all(items.map(async ({ key }) => (await cache.ttl(key)) ?? 0));
    expect(Math.min(...ttls)).toBeGreaterThan(490);
    expect(Math.max(...ttls)).toBeLessThanOrEqual(1_001);
    expect(Math.max(...ttls) - Math.min(...ttls)).toBeGreaterThan(100);
  });

  test('a memoized function has keys of its own, one for each list of arguments', async () => {
    const cache = rig.cache();
    const name = rig.name();
    let calls = 0;
    const add = cache.memoize(
      async (of: { a: number; b: number }) => {
        calls += 1;
        return of.a + of.b;
      },
      { name },
    );
    expect(await add({ a: 1, b: 2 })).toBe(3);
    expect(await add({ b: 2, a: 1 })).toBe(3);
    expect(calls).toBe(1);
    expect(await add({ a: 2, b: 2 })).toBe(4);
    expect(() => cache.memoize(() => 1, { name })).toThrow('is memoized already');
    await expect(add(new (class Odd {})() as never)).rejects.toMatchObject({ code: 'E_SERIALIZE' });
    const anonymous = [1, 2].map((result) => cache.memoize((_: unknown) => result, { name: `${name}-${result}` }));
    expect(await Promise.all(anonymous.map((each) => each(1)))).toEqual([1, 2]);
    const typed = cache.memoize(async (of: unknown) => typeof of, { name: `${name}-typed` });
    expect(await Promise.all([typed(1), typed('1'), typed([1])])).toEqual(['number', 'string', 'object']);
    const options = { name: `${name}-keyed`, key: (id: number) => String(id) };
    const keyed = cache.memoize(async (id: number, trace: string) => `${id} ${trace}`, options);
    expect([await keyed(1, 'a'), await keyed(1, 'b')]).toEqual(['1 a', '1 a']);
    await cache.invalidatePrefix(`memo:${name}`);
    expect(await add({ a: 1, b: 2 })).toBe(3);
    expect(calls).toBe(3);
  });

  test('refresh loads again, and says what became of each key', async () => {
    let value = 'one';
    const entity = defineEntity<string>({
      name: `user:${rig.name()}`,
      loadMany: async (keys) => new Map(keys.filter((key) => !key.endsWith('gone')).map((key) => [key, value])),
    });
    const cache = rig.cache({ entities: [entity] });
    const keys = [`${entity.name}:1`, `${entity.name}:gone`, `nobody:${rig.name()}:1`];
    expect(await cache.get(keys[0]!)).toBe('one');
    value = 'two';
    const outcomes = await cache.refresh(keys);
    expect(outcomes.map(({ outcome }) => outcome)).toEqual(['refreshed', 'gone', 'unknown-entity']);
    expect(outcomes[0]!.expiresAt).toBeGreaterThan(Date.now());
    expect(await cache.get(keys[0]!)).toBe('two');
  });

  test('a read past the refresh point refreshes once, in this process where nobody else does', async () => {
    let loads = 0;
    const entity = defineEntity<number>({
      name: `user:${rig.name()}`,
      load: async () => {
        loads += 1;
        return loads;
      },
      ttlSeconds: 60,
      jitter: 0,
      refreshAhead: { fraction: 0.000001 },
    });
    // Without a skew margin, createdAt is the server's own time, so the refresh point passes at once.
    const cache = rig.cache({ entities: [entity], skewMarginMs: 0 });
    const key = `${entity.name}:1`;
    expect(await cache.get(key)).toBe(1);
    await sleep(20);
    expect(await Promise.all(Array.from({ length: 10 }, () => cache.get(key)))).toEqual(Array(10).fill(1));
    const end = Date.now() + 10_000;
    while (loads < 2 && Date.now() < end) await sleep(5);
    expect(loads).toBe(2);
  });

  test('demand gets reads and entries past their refresh point', async () => {
    const signals: string[] = [];
    const demand = {
      read: (key: string, expiresAt: number) => void signals.push(`read ${key} ${expiresAt > Date.now()}`),
      refreshNeeded: (key: string) => void signals.push(`refresh ${key}`),
    };
    const entity = defineEntity<number>({
      name: `user:${rig.name()}`,
      load: async () => 1,
      refreshAhead: { fraction: 0.9 },
    });
    const cache = rig.cache({ entities: [entity], demand });
    const key = `${entity.name}:1`;
    await cache.get(key);
    await cache.get(key);
    expect(signals).toEqual([`read ${key} true`]);
  });

  test('demand gets the refresh of the cache that signals', async () => {
    let loads = 0;
    const entity = defineEntity<number>({
      name: `user:${rig.name()}`,
      load: async () => {
        loads += 1;
        return loads;
      },
      refreshAhead: { fraction: 0.000001 },
    });
    const { promise, resolve } = deferred<readonly RefreshOutcome[]>();
    const demand: Demand = {
      read() {},
      refreshNeeded: (key, _expiresAt, refresh) => void refresh([key]).then(resolve),
    };
    const cache = rig.cache({ entities: [entity], demand, skewMarginMs: 0 });
    const key = `${entity.name}:1`;
    await until(async () => {
      await cache.get(key);
      return loads > 1;
    });
    expect(await promise).toMatchObject([{ key, outcome: 'refreshed' }]);
  });
});
