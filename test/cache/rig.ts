import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type RunningCluster, type RunningRedis, startRedis, startRedisCluster } from '../../local/servers';
import { type CacheDependencies, type CacheOptions, createCache } from '../../src/cache';
import { systemClock } from '../../src/clock';
import type { Entity } from '../../src/entities/define-entity';
import { entityRegistry } from '../../src/entities/registry';
import { silentLogger } from '../../src/logger';
import { createRedis, type RedisHandle } from '../../src/redis';
import { readSettings } from '../../src/settings';

/** A real Redis, of one server or of three masters, and caches on it. */
export interface Rig {
  readonly servers: readonly RunningRedis[];
  /** One more connection, as another process would have: with the published rights of a web app and no more. */
  connect(): RedisHandle;
  /** One that may do everything, for the test's own hand. */
  admin(): RedisHandle;
  /** A cache on a connection of its own: what another process would see. */
  cache(options?: RigCacheOptions): TestCache;
  /** A name that no other test uses. */
  name(): string;
  close(): Promise<void>;
}

export type RigCacheOptions = CacheOptions &
  Partial<Omit<CacheDependencies, 'options' | 'entities'>> & { readonly entities?: readonly Entity[] };

export type TestCache = ReturnType<typeof createCache> & { readonly redis: RedisHandle };

export type Topology = 'standalone' | 'cluster';
export const topologies: readonly Topology[] = ['standalone', 'cluster'];

export async function startRig(topology: Topology, args: readonly string[] = []): Promise<Rig> {
  const running: RunningCluster | RunningRedis =
    topology === 'cluster' ? await startRedisCluster({ masters: 3, args }) : await startRedis({ args });
  const handles: RedisHandle[] = [];
  const caches: TestCache[] = [];
  const openAs = (user: 'web' | 'admin') => {
    const where = 'nodes' in running ? running.environments[user] : { REDIS_URL: running[`${user}Url`] };
    const settings = readSettings({ ...where, REDIS_DEADLINE_MS: '2000' });
    const handle = createRedis({ settings, logger: silentLogger, role: 'test' });
    handles.push(handle);
    return handle;
  };
  const connect = () => openAs('web');
  return {
    servers: 'nodes' in running ? running.nodes : [running],
    connect,
    admin: () => openAs('admin'),
    cache(options = {}) {
      const { entities = [], redis = connect(), logger, clock, journal, demand, counters, ...rest } = options;
      const cache = createCache({
        redis,
        entities: entityRegistry(entities),
        logger: logger ?? silentLogger,
        clock: clock ?? systemClock,
        ...(journal && { journal }),
        ...(demand && { demand }),
        ...(counters && { counters }),
        options: { deadlineMs: 2_000, ...rest },
      });
      const test = Object.assign(cache, { redis });
      caches.push(test);
      return test;
    },
    name: () => `t${randomBytes(5).toString('hex')}`,
    async close() {
      await Promise.all(caches.map((cache) => cache.close()));
      await Promise.all(handles.map((handle) => handle.close()));
      await running.stop();
    },
  };
}

/** A promise and what settles it. */
export function deferred<T = void>() {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

/** Waits for what must come true by itself. */
export async function until(holds: () => Promise<boolean>, timeoutMs = 15_000): Promise<void> {
  const end = Date.now() + timeoutMs;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`It did not come true within ${timeoutMs} ms`);
    await sleep(10);
  }
}
