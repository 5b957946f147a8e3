import { lazyPool } from '../entities/postgres';
import { coerceError } from '../errors';
import { silentLogger } from '../logger';
import { createPlatformMetrics } from '../monitoring';
import { createRedis, type RedisHandle } from '../redis';
import { toTarget } from '../redis/connection/target';
import { type Environment, inspectSettings, type Settings } from '../settings';
import { storageClients } from '../storage/clients';
import { checkNetwork } from './checks/check-network';
import type { VaultAccess } from './checks/check-vault';
import { examineRedis } from './examine-redis';
import { examineServices } from './examine-services';
import { type Finding, fault, ok } from './finding';

/** Longer than the jobs wait: a slow answer is better than a wrong finding. */
const LIMIT_MS = 3_000;

/** Looks at everything that the app needs, from the settings outwards. A check that can't be made says why. */
export async function examine(environment: Environment, vault: VaultAccess = {}): Promise<readonly Finding[]> {
  const { settings, faults } = inspectSettings(environment);
  if (faults.length > 0) {
    return faults.map((each) => fault('settings', each, 'docs/settings.md describes every setting.'));
  }
  const pool = lazyPool(settings);
  try {
    const [redis, services] = await Promise.all([
      examineRedisFromOutside({ ...settings, REDIS_DEADLINE_MS: Math.max(settings.REDIS_DEADLINE_MS, LIMIT_MS) }),
      examineServices({
        ...{ settings, pool, vault },
        storage: storageClients(settings),
        platform: createPlatformMetrics({ settings }),
      }),
    ]);
    return [ok('settings', 'every setting can be read'), ...redis, ...services];
  } finally {
    await pool.close().catch(() => {});
  }
}

/** The way there first, then the server, on a connection of our own. */
async function examineRedisFromOutside(settings: Settings): Promise<readonly Finding[]> {
  let network: readonly Finding[];
  let redis: RedisHandle;
  try {
    const target = toTarget(settings);
    network = await checkNetwork(target);
    // A cluster or a set of sentinels is reached by any of its addresses.
    const unreachable = network.filter(({ state }) => state === 'error').length;
    if (unreachable === target.seeds.length) return network;
    redis = createRedis({ settings, logger: silentLogger, role: 'doctor' });
  } catch (error) {
    return [fault('redis.settings', coerceError(error).message, 'docs/settings.md describes every setting.')];
  }
  try {
    return [...network, ...(await examineRedis(redis, LIMIT_MS))];
  } finally {
    await redis.close();
  }
}
