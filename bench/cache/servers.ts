import { startRedis, startRedisCluster } from '../../local/servers';
import { type CacheOptions, createCache } from '../../src/cache';
import { systemClock } from '../../src/clock';
import type { Entity } from '../../src/entities/define-entity';
import { entityRegistry } from '../../src/entities/registry';
import { silentLogger } from '../../src/logger';
import { createRedis } from '../../src/redis';
import { readSettings } from '../../src/settings';

/** A Redis for a bench, and how our client reaches it. */
export async function benchRedis(args: readonly string[] = []) {
  const server = await startRedis({ args });
  return { server, url: server.adminUrl, environment: { REDIS_URL: server.adminUrl }, stop: () => server.stop() };
}

export async function benchCluster(args: readonly string[] = []) {
  const cluster = await startRedisCluster({ masters: 3, args });
  const environment = cluster.environments.admin;
  return { cluster, environment, stop: () => cluster.stop() };
}

export interface OurOptions extends CacheOptions {
  readonly entities?: readonly Entity[];
}

/** The cache as an app has it: deadline and breaker on. */
export function ours(environment: Record<string, string>, options: OurOptions = {}) {
  const { entities = [], ...rest } = options;
  const redis = createRedis({
    settings: readSettings({ ...environment, ...(rest.deadlineMs && { REDIS_DEADLINE_MS: String(rest.deadlineMs) }) }),
    logger: silentLogger,
    role: 'bench',
  });
  const cache = createCache({
    redis,
    entities: entityRegistry(entities),
    logger: silentLogger,
    clock: systemClock,
    options: rest,
  });
  return {
    cache,
    redis,
    async close() {
      await cache.close();
      await redis.close();
    },
  };
}
