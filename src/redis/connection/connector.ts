import type { CredentialRefresher } from '../auth/credential-refresher';
import { RedisUnavailableError } from '../errors';
import { clusterOptions, destination, redisOptions } from './client-options';
import { SentinelWatch } from './sentinel-watch';
import { SharedCluster, SharedRedis } from './shared-client';
import type { Address, RedisSettings, Target } from './target';

/** Of the deadline: a command that was never sent is rejected as such before its caller's deadline. */
const QUEUE_SHARE = 0.9;

interface ConnectorOptions {
  readonly target: Target;
  readonly settings: RedisSettings;
  readonly role: string;
  /** Undefined: user and password are in the settings. */
  readonly refresher: CredentialRefresher | undefined;
}

/** Makes every connection of a facade, with the same naming and limits. None connects before its first command. */
export class Connector {
  #closed = false;
  readonly #watch: SentinelWatch | undefined;

  constructor(private readonly options: ConnectorOptions) {
    const { target, settings } = options;
    const { sentinel } = target;
    this.#watch = sentinel && new SentinelWatch({ ...target, sentinel }, settings, this.#name('sentinel'));
  }

  /** To a store's database, or to the cluster. `shared`: for many callers, so commands wait in the queue for a bounded time. */
  store(database: number, label: string, shared: boolean): SharedRedis | SharedCluster {
    const { target, settings, refresher } = this.options;
    const queueMs = shared ? Math.ceil(settings.REDIS_DEADLINE_MS * QUEUE_SHARE) : undefined;
    const name = this.#name(label);
    if (target.mode === 'cluster') {
      const options = clusterOptions(target, settings, name, shared);
      return SharedCluster.open([...target.seeds], options, { refresher, queueMs });
    }
    const options = { ...redisOptions(target, settings, name, shared), ...destination(target, settings), db: database };
    const client = SharedRedis.open(options, { refresher, queueMs });
    this.#watch?.add(client);
    return client;
  }

  /** To one server by its address. `once`: it does not reconnect. */
  server(address: Address, label: string, once = false): SharedRedis {
    const { target, settings, refresher } = this.options;
    const options = { ...redisOptions(target, settings, this.#name(label), true), ...address };
    return SharedRedis.open(once ? { ...options, retryStrategy: null } : options, {
      refresher,
      queueMs: settings.REDIS_DEADLINE_MS,
    });
  }

  /** ioredis' cluster reports of a node only that its connection is closed. This connects to the first seed for the reason. */
  async diagnose(): Promise<Error | undefined> {
    if (this.#closed) return undefined;
    const client = this.server(this.options.target.seeds[0], 'diagnosis', true);
    let found: Error | undefined;
    client.on('error', (error: Error) => {
      found ??= error;
    });
    await client.connect().catch(() => {});
    client.disconnect();
    return found;
  }

  close(): void {
    this.#closed = true;
    this.options.refresher?.end();
    this.#watch?.end();
  }

  #name(label: string): string {
    if (this.#closed) throw new RedisUnavailableError('the connection to Redis was closed by this process');
    return `cache-steward:${this.options.role}:${label}`.replace(/[^\x21-\x7e]/g, '-');
  }
}
