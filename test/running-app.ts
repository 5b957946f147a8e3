import { type RunningAzurite, type RunningRedis, startAzurite, startRedis } from '../local/servers';
import { type FunctionsHost, startFunctionsHost } from '../local/stack/functions-host';
import { ensureBuilt } from './built';

export interface RunningApp {
  /** `http://127.0.0.1:PORT` */
  readonly address: string;
  readonly host: FunctionsHost;
  readonly redis: RunningRedis;
  readonly azurite: RunningAzurite;
  /** What the host and the app have printed. */
  readonly lines: readonly string[];
  stop(): Promise<void>;
}

/** The built app under the local host, on a Redis and a storage of its own. */
export async function startApp(settings: Readonly<Record<string, string>> = {}): Promise<RunningApp> {
  ensureBuilt();
  const [redis, azurite] = await Promise.all([startRedis(), startAzurite()]);
  const lines: string[] = [];
  const host = await startFunctionsHost({
    env: {
      ...{ PATH: process.env.PATH, HOME: process.env.HOME, STEWARD_HOST: 'local' },
      ...{ REDIS_URL: redis.appUrl, AzureWebJobsStorage: azurite.connectionString, ...settings },
    },
    onLine: (line) => lines.push(line),
  });
  return {
    ...{ address: host.address, host, redis, azurite, lines },
    async stop() {
      await host.process.stop(10_000);
      await Promise.all([redis.stop(), azurite.stop()]);
    },
  };
}
