import { Redis, type RedisOptions } from 'ioredis';

/** A cache client, as the bench uses it: a value by its key, loaded if it is missing. */
export interface Peer {
  readonly name: string;
  get(key: string, load: () => Promise<unknown>): Promise<unknown>;
  remove(key: string): Promise<unknown>;
  close(): Promise<void>;
}

/** Errors of connections are the scenario's subject, not news. */
const quiet = (client: { on(event: 'error', listener: () => void): unknown }) => {
  client.on('error', () => {});
};

const TTL_MS = 3_600_000;

/** As its documentation has it: L2 on ioredis; with `local`, its memory layer before it. */
export async function bentocachePeer(
  url: string,
  options: { local?: boolean; redis?: RedisOptions } = {},
): Promise<Peer> {
  const { BentoCache, bentostore } = await import('bentocache');
  const { redisDriver } = await import('bentocache/drivers/redis');
  const { memoryDriver } = await import('bentocache/drivers/memory');
  const connection = new Redis(url, { ...options.redis } as never);
  quiet(connection);
  // Its types are of an older ioredis.
  const config = { connection: connection as never };
  const store = options.local
    ? bentostore()
        .useL1Layer(memoryDriver({ maxItems: 10_000 }))
        .useL2Layer(redisDriver(config))
    : bentostore().useL2Layer(redisDriver(config));
  const bento = new BentoCache({ default: 'main', stores: { main: store }, ttl: TTL_MS });
  return {
    name: 'bentocache',
    get: (key, load) => bento.getOrSet({ key, factory: load }),
    remove: (key) => bento.delete({ key }),
    close: async () => connection.disconnect(),
  };
}

/** On node-redis, where it is at its fastest. */
export async function cachifiedPeer(url: string): Promise<Peer> {
  const { cachified } = await import('@epic-web/cachified');
  const { createClient } = await import('redis');
  const client = createClient({ url });
  quiet(client as never);
  await client.connect();
  const cache = {
    name: 'redis',
    async get(key: string) {
      const text = await client.get(key);
      return text === null ? undefined : JSON.parse(text);
    },
    set: (key: string, value: unknown) => client.set(key, JSON.stringify(value), { PX: TTL_MS }),
    delete: (key: string) => client.del(key),
  };
  return {
    name: 'cachified',
    get: (key, load) => cachified({ key, cache: cache as never, ttl: TTL_MS, getFreshValue: load }),
    remove: (key) => client.del(key),
    close: async () => client.destroy(),
  };
}

/** `refreshThreshold`: with less of its life left than this, in ms, an entry is refreshed in the background. */
export async function cacheManagerPeer(
  url: string,
  options: { ttl?: number; refreshThreshold?: number } = {},
): Promise<Peer & { set(key: string, value: unknown, ttlMs: number): Promise<unknown> }> {
  const { createCache } = await import('cache-manager');
  const { Keyv } = await import('keyv');
  const { default: KeyvRedis } = await import('@keyv/redis');
  const store = new KeyvRedis(url);
  quiet(store as never);
  quiet(store.client as never);
  const keyv = new Keyv({ store });
  quiet(keyv as never);
  const cache = createCache({ stores: [keyv], ttl: TTL_MS, ...options });
  return {
    name: 'cacheManager',
    get: (key, load) => cache.wrap(key, load),
    set: (key, value, ttlMs) => cache.set(key, value, ttlMs),
    remove: (key) => cache.del(key),
    close: async () => {
      await Promise.race([store.disconnect(true), new Promise((resolve) => setTimeout(resolve, 500))]).catch(() => {});
    },
  };
}

export async function cacheablePeer(url: string): Promise<Peer> {
  const { Cacheable } = await import('cacheable');
  const { default: KeyvRedis } = await import('@keyv/redis');
  const store = new KeyvRedis(url);
  quiet(store as never);
  quiet(store.client as never);
  const cache = new Cacheable({ secondary: store as never, nonBlocking: true, ttl: TTL_MS });
  quiet(cache as never);
  return {
    name: 'cacheable',
    get: (key, load) => cache.getOrSet(key, load),
    remove: (key) => cache.delete(key),
    close: async () => {
      await Promise.race([store.disconnect(true), new Promise((resolve) => setTimeout(resolve, 500))]).catch(() => {});
    },
  };
}
