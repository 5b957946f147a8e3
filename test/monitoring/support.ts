import { type RunningAzurite, type RunningRedis, startAzurite } from '../../local/servers';
import { silentLogger } from '../../src/logger';
import { createRedis } from '../../src/redis';
import { readSettings, type Settings } from '../../src/settings';
import { storageClients } from '../../src/storage/clients';

export const T0 = Date.UTC(2026, 10, 23, 12, 0, 0);

export const settingsFor = (over: Record<string, string>): Settings =>
  readSettings({ REDIS_URL: 'redis://127.0.0.1:1', AzureWebJobsStorage: 'UseDevelopmentStorage=true', ...over });

export const redisOf = (server: Pick<RunningRedis, 'url'>) =>
  createRedis({ settings: settingsFor({ REDIS_URL: server.url }), logger: silentLogger, role: 'test' });

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
