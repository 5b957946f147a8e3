import { startAzurite, startPglite, startRedis, startSentinels } from '../servers';
import type { ServiceName } from './reachable';

type Environment = Readonly<Record<string, string | undefined>>;

/** What the app and the web app run on. */
export interface Services {
  /** The settings that name what was started here, for the environment of the app. */
  readonly env: Readonly<Record<string, string>>;
  /** The same for the web app, which has fewer rights in Redis. */
  readonly webEnv: Readonly<Record<string, string>>;
  /** Where each listens, in words; one's own without its address, which may hold a password. */
  readonly lines: readonly string[];
  stop(): Promise<void>;
}

interface Part {
  readonly env: Readonly<Record<string, string>>;
  /** Default: `env`. */
  readonly webEnv?: Readonly<Record<string, string>>;
  readonly line: string;
  readonly stop: () => Promise<void>;
}

/** The settings any of which names a service of one's own. */
const NAMED_BY: Readonly<Record<ServiceName, readonly string[]>> = {
  Redis: ['REDIS_URL', 'REDIS_NODES', 'REDIS_SENTINELS'],
  storage: ['AzureWebJobsStorage', 'AzureWebJobsStorage__accountName', 'AzureWebJobsStorage__queueServiceUri'],
  database: ['DATABASE_URL'],
};
const LABELS: Partial<Record<ServiceName, string>> = { Redis: 'Redis (a first start downloads it)' };
export const SERVICES = Object.keys(NAMED_BY) as readonly ServiceName[];

/** The setting by which the environment names a service of one's own; undefined if the stack starts that service. */
export function ownSetting(environment: Environment, service: ServiceName): string | undefined {
  return NAMED_BY[service].find((name) => environment[name]);
}

/**
 * Starts Redis, storage and a database, each unless `environment` names one's own; with `sentinel`, Redis as the set of
 * `deploy/sentinel/`. `during` sees what is being started. Stops all if one fails.
 */
export async function startServices(
  environment: Environment,
  { sentinel = false, during }: { sentinel?: boolean; during: <T>(what: string, work: Promise<T>) => Promise<T> },
): Promise<Services> {
  const start = (service: ServiceName, own: () => Promise<Part>): Promise<Part> => {
    const setting = ownSetting(environment, service);
    if (setting === undefined) return during(LABELS[service] ?? service, own());
    return Promise.resolve({ env: {}, line: `${service}: yours (${setting})`, stop: async () => {} });
  };
  const started = await Promise.allSettled([
    start('Redis', sentinel ? redisSet : redis),
    start('storage', storage),
    start('database', database),
  ]);
  const parts = started.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  const stop = async () => {
    await Promise.all(parts.map((part) => part.stop()));
  };
  const failed = started.find((result) => result.status === 'rejected');
  if (failed) {
    await stop();
    throw failed.reason;
  }
  return {
    env: Object.assign({}, ...parts.map((part) => part.env)),
    webEnv: Object.assign({}, ...parts.map((part) => part.webEnv ?? part.env)),
    lines: parts.map((part) => part.line),
    stop,
  };
}

async function redis(): Promise<Part> {
  const server = await startRedis({ args: ['--maxmemory', '256mb', '--maxmemory-policy', 'allkeys-lru'] });
  return {
    env: { REDIS_URL: server.appUrl },
    webEnv: { REDIS_URL: server.webUrl },
    line: `Redis: ${server.adminUrl} for you; the app and the web app have users with the least rights`,
    stop: () => server.stop(),
  };
}

async function redisSet(): Promise<Part> {
  const set = await startSentinels();
  const [sentinel] = set.sentinels;
  const ask = `redis-cli -u ${sentinel?.adminUrl} sentinel failover steward`;
  return {
    env: set.environments.app,
    webEnv: set.environments.web,
    line: `Redis: ${await set.primary()} behind three sentinels; fails over by: ${ask}`,
    stop: () => set.stop(),
  };
}

async function storage(): Promise<Part> {
  const server = await startAzurite();
  const address = /QueueEndpoint=(http:\/\/[^/]+)/.exec(server.connectionString)?.[1];
  return {
    env: { AzureWebJobsStorage: server.connectionString },
    line: `storage: Azurite, in memory; queues at ${address}`,
    stop: () => server.stop(),
  };
}

async function database(): Promise<Part> {
  const server = await startPglite();
  return {
    env: { DATABASE_URL: server.url },
    line: `database: PGlite, in memory; ${server.url}`,
    stop: () => server.stop(),
  };
}
