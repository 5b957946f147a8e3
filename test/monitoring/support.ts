import { type RunningAzurite, type RunningRedis, startAzurite } from '../../local/servers';
import type { CensusView } from '../../src/hygiene';
import { silentLogger } from '../../src/logger';
import { createRedis } from '../../src/redis';
import { readSettings, type Settings } from '../../src/settings';
import { storageClients } from '../../src/storage/clients';

export const T0 = Date.UTC(2026, 10, 23, 12, 0, 0);

/** A census of two groups that ended at `finishedAt`: memory is full ten days later. */
export function censusAt(finishedAt: number): CensusView {
  const group = { label: 'user:profile', keys: 1_200, withoutTtlShare: 0.25, keysPerDay: 12 };
  return {
    ...{ finishedAt, isComplete: true, usedBytesPerDay: 3 * 2 ** 20, daysUntilFull: 10 },
    groups: [
      { ...group, memoryBytes: 5 * 2 ** 20, memoryErrorBytes: 2 ** 18 },
      {
        ...{ label: 'sess:', keys: 300, withoutTtlShare: 0, keysPerDay: null },
        ...{ memoryBytes: null, memoryErrorBytes: null },
      },
    ],
    total: {
      ...{ label: 'total', keys: 1_500, withoutTtlShare: 0.2, keysPerDay: -7 },
      ...{ memoryBytes: null, memoryErrorBytes: null },
    },
  };
}

export const settingsFor = (over: Record<string, string>): Settings =>
  readSettings({ REDIS_URL: 'redis://127.0.0.1:1', AzureWebJobsStorage: 'UseDevelopmentStorage=true', ...over });

export const redisOf = (server: Pick<RunningRedis, 'appUrl'>) =>
  createRedis({ settings: settingsFor({ REDIS_URL: server.appUrl }), logger: silentLogger, role: 'test' });

let prefixes = 0;

/** Storage with tables and containers of its own. */
export async function azuriteStorage() {
  const server: RunningAzurite = await startAzurite();
  const fresh = () => {
    prefixes += 1;
    return storageClients(
      settingsFor({ AzureWebJobsStorage: server.connectionString, STORAGE_NAME_PREFIX: `test${prefixes}x` }),
    );
  };
  return { fresh, stop: () => server.stop(), connectionString: server.connectionString };
}
