import { CACHE_PREFIX, decodeKey } from '../../entities/key';
import { silentLogger } from '../../logger';
import { capabilitiesOf, createRedis, type RedisHandle } from '../../redis';
import type { Settings } from '../../settings';

/** How long the first answer may take, in ms. A person waits longer for it than a request does. */
const READY_MS = 5_000;

/** Connects to the server. If it is a node of a cluster, connects to the whole cluster. */
export async function openTarget(
  settings: Settings,
): Promise<{ readonly redis: RedisHandle; readonly settings: Settings }> {
  const patient = { ...settings, REDIS_DEADLINE_MS: Math.max(settings.REDIS_DEADLINE_MS, READY_MS) };
  const redis = createRedis({ settings: patient, logger: silentLogger, role: 'cli' });
  try {
    await redis.ready(READY_MS);
    if (redis.mode !== 'standalone' || !(await capabilitiesOf(redis)).cluster) return { redis, settings: patient };
  } catch (error: unknown) {
    await redis.close();
    throw error;
  }
  await redis.close();
  const whole = { ...patient, REDIS_MODE: 'cluster' as const };
  const cluster = createRedis({ settings: whole, logger: silentLogger, role: 'cli' });
  await cluster.ready(READY_MS);
  return { redis: cluster, settings: whole };
}

const GENERATIONS = `${CACHE_PREFIX}epoch:{p:`;
const COUNT = 500;

/**
 * The prefixes that have been invalidated, read from the keys of their generations: the command line knows neither the
 * app nor its entities.
 */
export async function declaredPrefixes(redis: RedisHandle): Promise<readonly string[]> {
  const found = new Set<string>();
  for (const { client } of await redis.nodes('masters', 'cache')) {
    let cursor = '0';
    do {
      const [next, keys] = await redis.within(client.scan(cursor, 'MATCH', `${GENERATIONS}*`, 'COUNT', COUNT));
      for (const key of keys) found.add(decodeKey(key.slice(GENERATIONS.length, -1)));
      cursor = next;
    } while (cursor !== '0');
  }
  return [...found];
}
