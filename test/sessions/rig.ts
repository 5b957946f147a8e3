import { randomUUID } from 'node:crypto';
import { type RunningCluster, type RunningRedis, startRedis, startRedisCluster } from '../../local/servers';
import { silentLogger } from '../../src/logger';
import { createRedis, type RedisHandle } from '../../src/redis';
import { createSessionStore, type SessionOptions, type SessionStore } from '../../src/sessions';
import { readSettings } from '../../src/settings';

export type Kind = 'standalone' | 'cluster';

/** One Redis for a test file, and what is made on it; `close` leaves nothing behind. */
export interface Rig {
  /** With the published rights of a web app and no more. */
  readonly redis: RedisHandle;
  readonly environment: Readonly<Record<string, string>>;
  readonly nodes: readonly RunningRedis[];
  /** Another way to the same Redis, as another process has it. */
  connect(environment?: Readonly<Record<string, string>>): RedisHandle;
  /** One that may do everything, for the test's own hand. */
  admin(): RedisHandle;
  /** A store under a prefix of its own. */
  store(options?: Partial<SessionOptions>): SessionStore;
  close(): Promise<void>;
}

export async function startRig(kind: Kind): Promise<Rig> {
  const server: RunningCluster | RunningRedis =
    kind === 'cluster' ? await startRedisCluster({ masters: 3 }) : await startRedis();
  const environmentOf = (user: 'web' | 'admin') => ({
    ...('nodes' in server ? server.environments[user] : { REDIS_URL: server[`${user}Url`] }),
    REDIS_DEADLINE_MS: '2000',
  });
  const handles: RedisHandle[] = [];
  const stores: SessionStore[] = [];
  const open = (environment: Readonly<Record<string, string>>) => {
    const settings = readSettings(environment);
    const handle = createRedis({ settings, logger: silentLogger, role: 'test' });
    handles.push(handle);
    return handle;
  };
  const environment = environmentOf('web');
  const connect = (extra: Readonly<Record<string, string>> = {}) => open({ ...environment, ...extra });
  const redis = connect();
  redis.client('sessions').setMaxListeners(100);
  return {
    redis,
    environment,
    nodes: 'nodes' in server ? server.nodes : [server],
    connect,
    admin: () => open(environmentOf('admin')),
    store: (options = {}) => {
      const store = createSessionStore({ redis, prefix: newPrefix(), ...options });
      stores.push(store);
      return store;
    },
    close: async () => {
      for (const store of stores) store.close();
      await Promise.all(handles.map((handle) => handle.close()));
      await server.stop();
    },
  };
}

export function newPrefix(): string {
  return `sess:${randomUUID().slice(0, 8)}:`;
}

/** A session as express-session gives it to a store. */
export function plain(values: Record<string, unknown> = {}, maxAge = 60_000) {
  const cookie = { originalMaxAge: maxAge, expires: new Date(Date.now() + maxAge).toISOString(), path: '/' };
  return { cookie, ...values } as never;
}
