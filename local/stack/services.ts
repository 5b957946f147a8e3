import { startAzurite, startPglite, startRedis, startSentinels } from '../servers';

type Environment = Readonly<Record<string, string | undefined>>;

/** What the app and the web app run on. */
export interface Services {
  /** The settings that name them, for the environment of the app. */
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

/**
 * Starts Redis, storage and a database, each unless `environment` names one's own; Redis as the set of
 * `deploy/sentinel/` where `sentinel` is asked for. Stops all if one fails.
 */
export async function startServices(environment: Environment, { sentinel = false } = {}): Promise<Services> {
  const started = await Promise.allSettled([
    sentinel ? redisSet(environment) : redis(environment),
    storage(environment),
    database(environment),
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

const yours = (what: string, name: string): Part => ({
  env: {},
  line: `${what}: yours (${name})`,
  stop: async () => {},
});

const REDIS_SETTINGS = ['REDIS_URL', 'REDIS_NODES', 'REDIS_SENTINELS'];

async function redis(environment: Environment): Promise<Part> {
  const named = REDIS_SETTINGS.find((name) => environment[name]);
  if (named) return yours('Redis', named);
  const server = await startRedis({ args: ['--maxmemory', '256mb', '--maxmemory-policy', 'allkeys-lru'] });
  return {
    env: { REDIS_URL: server.appUrl },
    webEnv: { REDIS_URL: server.webUrl },
    line: `Redis: ${server.adminUrl} for you; the app and the web app have users with the least rights`,
    stop: () => server.stop(),
  };
}

async function redisSet(environment: Environment): Promise<Part> {
  const named = REDIS_SETTINGS.find((name) => environment[name]);
  if (named) throw new Error(`--sentinel starts a Redis of its own: leave ${named} unset`);
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

async function storage(environment: Environment): Promise<Part> {
  const named = ['AzureWebJobsStorage', 'AzureWebJobsStorage__accountName'].find((name) => environment[name]);
  if (named) return yours('storage', named);
  const server = await startAzurite();
  const address = /QueueEndpoint=(http:\/\/[^/]+)/.exec(server.connectionString)?.[1];
  return {
    env: { AzureWebJobsStorage: server.connectionString },
    line: `storage: Azurite, queues at ${address}`,
    stop: () => server.stop(),
  };
}

async function database(environment: Environment): Promise<Part> {
  if (environment.DATABASE_URL) return yours('database', 'DATABASE_URL');
  const server = await startPglite();
  return { env: { DATABASE_URL: server.url }, line: `database: PGlite, ${server.url}`, stop: () => server.stop() };
}
