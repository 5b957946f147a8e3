import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { trace } from '@opentelemetry/api';
import { freePort, startRedis, startRedisCluster, startSentinels } from '../../../local/servers';
import { type Cache, type CacheOptions, createCache } from '../../../src/cache';
import { KeyvStore } from '../../../src/cache/keyv';
import { systemClock } from '../../../src/clock';
import { defineEntity } from '../../../src/entities/define-entity';
import { entityRegistry } from '../../../src/entities/registry';
import { silentLogger } from '../../../src/logger';
import { createRedis, type RedisHandle } from '../../../src/redis';
import { readSettings } from '../../../src/settings';
import { until } from '../rig';

/** The tenant of a request, as nestjs-cls or a repository with row-level security keeps it. */
const tenants = new AsyncLocalStorage<string>();
const TENANTS = ['ada', 'ben', 'cho', 'dee', 'eli', 'fay', 'gus', 'hal'];

interface Place {
  readonly environment: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

const places: Record<string, () => Promise<Place>> = {
  'one server': async () => {
    const server = await startRedis();
    return { environment: { REDIS_URL: server.webUrl }, stop: () => server.stop() };
  },
  Sentinel: async () => {
    const set = await startSentinels({});
    return { environment: set.environments.app, stop: () => set.stop() };
  },
  'a cluster': async () => {
    const cluster = await startRedisCluster({ masters: 3 });
    return { environment: cluster.environments.web, stop: () => cluster.stop() };
  },
  'no server at all': async () => ({
    environment: { REDIS_URL: `redis://127.0.0.1:${await freePort()}` },
    stop: async () => {},
  }),
};

/** Each tenant's own key; a callback that sees another tenant writes down whom. */
const seen: string[] = [];
function note(callback: string, owner: string): void {
  const now = tenants.getStore();
  if (now !== owner) seen.push(`${callback} of ${owner} ran as ${now}`);
}
const ownerOf = (key: string): string => key.split(':').at(-1) as string;

const serializer = {
  serialize: (value: unknown) => {
    note('serialize', (value as { of: string }).of);
    return JSON.stringify(value);
  },
  deserialize: (text: string) => {
    const value = JSON.parse(text) as { of: string };
    note('deserialize', value.of);
    return value;
  },
};

/** Runs `work` for all tenants at once, each in its own context. Returns what each of them got. */
const forEach = <T>(work: (tenant: string) => Promise<T>): Promise<T[]> =>
  Promise.all(TENANTS.map((tenant) => tenants.run(tenant, () => work(tenant))));

describe.each(Object.keys(places))('on %s', (name) => {
  let place: Place;
  let round = 0;
  const open: (() => Promise<void>)[] = [];
  beforeAll(async () => {
    place = await (places[name] as () => Promise<Place>)();
  });
  afterEach(async () => {
    trace.disable();
    for (const close of open.splice(0)) await close();
    expect(seen.splice(0)).toEqual([]);
  });
  afterAll(() => place?.stop());

  const entity = defineEntity<object>({
    name: 'user:registered',
    negativeTtlSeconds: 1,
    load: async (key) => {
      await sleep(1);
      note('load', ownerOf(key));
      return { of: ownerOf(key), by: tenants.getStore() };
    },
    tags: (key) => {
      note('tags', ownerOf(key));
      return [`tag-${ownerOf(key)}`];
    },
  });

  async function start(options: CacheOptions = {}): Promise<{ cache: Cache; redis: RedisHandle }> {
    const settings = readSettings({ ...place.environment, REDIS_DEADLINE_MS: '2000' });
    const redis = createRedis({ settings, logger: silentLogger, role: 'test' });
    const deadlineMs = name === 'no server at all' ? 100 : 2_000;
    const cache = createCache({
      ...{ redis, logger: silentLogger, clock: systemClock, entities: entityRegistry([entity]) },
      options: { deadlineMs, ...options },
    });
    open.push(async () => {
      await cache.close();
      await redis.close();
    });
    return { cache, redis };
  }

  const variants: [string, CacheOptions][] = [
    ['JSON', {}],
    ['a serializer of its own', { serializer }],
    ['JSON and a local layer', { local: { maxBytes: 1_000_000 } }],
    ['a serializer of its own and a local layer', { serializer, local: { maxBytes: 1_000_000 } }],
    ['a serializer of its own and compression', { serializer, defaults: { compressOverBytes: 1 } }],
  ];

  test.each(variants)(
    'every loader, serializer and tag function runs in its caller’s context: %s',
    async (_, options) => {
      const { cache, redis } = await start(options);
      round += 1;
      const own = (tenant: string) => `free:r${round}:${tenant}`;
      const registered = (tenant: string) => `user:registered:${round}:${tenant}`;
      const load = (key: string) => {
        note('loader', ownerOf(key));
        return { of: ownerOf(key), by: tenants.getStore(), pad: 'x'.repeat(100) };
      };
      const loadMany = async (keys: readonly string[]) => {
        await sleep(1);
        return new Map(keys.map((key) => [key, load(key)]));
      };
      const memoized = cache.memoize(async (tenant: string) => load(`:${tenant}`), {
        name: `m${round}`,
        key: (tenant) => {
          note('key', tenant);
          return tenant;
        },
      });
      const by = (values: readonly unknown[]) => values.map((value) => (value as { by?: string }).by);
      const each = async (work: (tenant: string) => Promise<unknown>) =>
        expect(by(await forEach(work))).toEqual(TENANTS);
      // The first time a miss, the second a hit of Redis, the third perhaps of the local layer.
      for (let turn = 0; turn < 3; turn += 1) {
        await each((tenant) => cache.get(own(tenant), load));
        await each((tenant) => cache.get(registered(tenant)));
        await each((tenant) => cache.get(`user:registered:${round}b:${tenant}`, entity));
        await each((tenant) => memoized(tenant));
        await each(async (tenant) => (await cache.getMany([own(tenant)], loadMany)).get(own(tenant)));
        await each(async (tenant) => {
          const key = `free:many${round}:${tenant}`;
          return (await cache.getMany([key], loadMany, { tags: ['shared'] })).get(key);
        });
        await each(async (tenant) => (await cache.getMany([registered(tenant)])).get(registered(tenant)));
      }
      await forEach((tenant) => cache.refresh([registered(tenant)]));
      if (name === 'no server at all') return;
      await each(async (tenant) => (await cache.multiGet([registered(tenant)]))[0]?.value);
      await forEach((tenant) => cache.set(registered(tenant), { of: tenant, by: tenant }));
      await forEach((tenant) => cache.setMany([{ key: own(tenant), value: { of: tenant, by: tenant } }]));
      await each((tenant) => cache.get(own(tenant)));
      await cache.invalidateTag('shared');
      const keyv = new KeyvStore({ cache, redis, name: `k${round}` });
      await forEach((tenant) => keyv.set(tenant, { of: tenant, by: tenant }));
      await each((tenant) => keyv.get<object>(tenant) as Promise<unknown>);
      await each(async (tenant) => (await keyv.getMany([tenant]))[0]);
    },
  );

  test('a shared load runs in the context of the call that began it, and each caller goes on in its own', async () => {
    const { cache } = await start();
    round += 1;
    const before = TENANTS.map((tenant) => tenant);
    const results = await forEach(async () => {
      const ran = await cache.get(`free:shared:${round}`, async () => tenants.getStore());
      return { ran, after: tenants.getStore() };
    });
    expect(new Set(results.map(({ ran }) => ran))).toEqual(new Set([TENANTS[0]]));
    expect(results.map(({ after }) => after)).toEqual(before);
  });

  test('each load’s span is a child of the caller’s', async () => {
    const parents: (string | undefined)[] = [];
    const startActiveSpan = (_name: string, _options: object, work: (span: unknown) => unknown) => {
      parents.push(tenants.getStore());
      return work({ end() {}, setAttribute() {}, setStatus() {} });
    };
    trace.setGlobalTracerProvider({ getTracer: () => ({ startActiveSpan }) as never });
    const { cache } = await start();
    round += 1;
    await forEach((tenant) => cache.get(`free:span${round}:${tenant}`, () => 1));
    expect(parents.sort()).toEqual(TENANTS);
  });

  test('the signal of an aborted load fires in its caller’s context', async () => {
    const { cache } = await start();
    round += 1;
    const aborted: string[] = [];
    await forEach((tenant) =>
      cache
        .get(
          `free:abort${round}:${tenant}`,
          (_key, { signal }) => {
            signal.addEventListener('abort', () => aborted.push(`${tenant} ${tenants.getStore()}`));
            return new Promise(() => {});
          },
          { hardTimeoutMs: 20 },
        )
        .catch(() => {}),
    );
    await until(async () => aborted.length === TENANTS.length);
    expect(aborted.sort()).toEqual(TENANTS.map((tenant) => `${tenant} ${tenant}`));
  });

  test('a refresh ahead in this process runs in the context of the call that asked for it', async () => {
    if (name === 'no server at all') return;
    const loads: string[] = [];
    const ahead = defineEntity<number>({
      name: 'user:ahead',
      ttlSeconds: 3_600,
      refreshAhead: { fraction: 1e-9 },
      load: async (key) => {
        loads.push(`${ownerOf(key)} ${tenants.getStore()}`);
        return 1;
      },
    });
    const { cache } = await start();
    round += 1;
    const keyOf = (tenant: string) => `user:ahead:${round}:${tenant}`;
    await forEach((tenant) => cache.get(keyOf(tenant), ahead));
    await until(async () => {
      await forEach((tenant) => cache.get(keyOf(tenant)));
      return loads.length >= 2 * TENANTS.length;
    });
    expect(new Set(loads)).toEqual(new Set(TENANTS.map((tenant) => `${tenant} ${tenant}`)));
  });
});
