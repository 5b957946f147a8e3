import type { CredentialKeeper } from '../auth/credential-refresher';
import { RedisUnavailableError } from '../errors';
import { clusterOptions, redisOptions, whereTo } from './client-options';
import { SentinelWatch } from './sentinel-watch';
import { SharedCluster, SharedRedis } from './shared-client';
import type { Address, RedisSettings, Target } from './target';

/** Of the deadline: a command that was never sent is told so, before its caller's own time is up. */
const PATIENCE = 0.9;

interface ConnectorOptions {
  readonly target: Target;
  readonly settings: RedisSettings;
  readonly role: string;
  /** Undefined: user and password stand in the settings. */
  readonly keeper: CredentialKeeper | undefined;
}

/** Makes every connection of a handle, named and bounded alike. None connects before its first command. */
export class Connector {
  #closed = false;
  readonly #watch: SentinelWatch | undefined;

  constructor(private readonly options: ConnectorOptions) {
    const { target, settings } = options;
    const { sentinel } = target;
    this.#watch = sentinel && new SentinelWatch({ ...target, sentinel }, settings, this.#name('sentinel'));
  }

  /** To a store's database, or to the cluster. `shared`: for many callers, who don't wait for ever. */
  store(database: number, label: string, shared: boolean): SharedRedis | SharedCluster {
    const { target, settings, keeper } = this.options;
    const guard = { keeper, patienceMs: shared ? Math.ceil(settings.REDIS_DEADLINE_MS * PATIENCE) : undefined };
    const name = this.#name(label);
    if (target.mode === 'cluster') {
      return SharedCluster.open([...target.seeds], clusterOptions(target, settings, name, shared), guard);
    }
    const where = { ...whereTo(target, settings), db: database };
    const client = SharedRedis.open({ ...redisOptions(target, settings, name, shared), ...where }, guard);
    this.#watch?.adopt(client);
    return client;
  }

  /** To one server by its address. `once`: it isn't made anew when it breaks. */
  server(address: Address, label: string, once = false): SharedRedis {
    const { target, settings, keeper } = this.options;
    const options = redisOptions(target, settings, this.#name(label), true);
    const where = { ...address, ...(once && { retryStrategy: null }) };
    return SharedRedis.open({ ...options, ...where }, { keeper, patienceMs: settings.REDIS_DEADLINE_MS });
  }

  /** ioredis' cluster says of a node only that its connection is closed; this asks the first seed why. */
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
    this.options.keeper?.end();
    this.#watch?.end();
  }

  #name(label: string): string {
    if (this.#closed) throw new RedisUnavailableError('the connection to Redis was closed by this process');
    return `cache-steward:${this.options.role}:${label}`.replace(/[^\x21-\x7e]/g, '-');
  }
}
