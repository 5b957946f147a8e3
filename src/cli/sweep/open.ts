import { silentLogger } from '../../logger';
import { capabilitiesOf, createRedis, type RedisHandle } from '../../redis';
import type { Settings } from '../../settings';

/** A person waits longer for a first answer than a request does. */
const READY_MS = 5_000;

/** Connects, and where the one server named turns out to be a node of a cluster, to the cluster. */
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
