import { Redis } from 'ioredis';
import { retryDelayMs } from './client-options';
import { addressOf } from './nodes';
import type { SharedRedis } from './shared-client';
import type { RedisSettings, SentinelTarget } from './target';

const CHANNEL = '+switch-master';

/**
 * Subscribes to every sentinel, and when one names another primary, remakes the connections to the old one. Otherwise
 * they would stay there for as long as it runs: after a manual failover it becomes a replica only some ten seconds
 * later. There is one watch a process, with one connection to each sentinel, from the first use on.
 *
 * ioredis' own `failoverDetector` ends a connection for good if the message comes while that connection is being made.
 */
export class SentinelWatch {
  readonly #sentinels: Redis[] = [];
  readonly #connected = new Set<SharedRedis>();
  /** The latest message. Compared by identity: a repeated message counts as another one. */
  #latest: { readonly primary: string } | undefined;

  constructor(
    private readonly target: SentinelTarget,
    private readonly settings: RedisSettings,
    private readonly connectionName: string,
  ) {}

  /** Keeps `client` connected to the primary that was named last. */
  add(client: SharedRedis): void {
    let seen = this.#latest;
    client.on('connecting', () => {
      seen = this.#latest;
      if (this.#sentinels.length === 0) this.#start();
    });
    client.on('ready', () => {
      this.#connected.add(client);
      if (seen !== this.#latest) this.#move(client);
    });
    client.on('close', () => this.#connected.delete(client));
  }

  end(): void {
    for (const sentinel of this.#sentinels) sentinel.disconnect();
  }

  #start(): void {
    for (const address of this.target.seeds) {
      const sentinel = new Redis({
        ...address,
        connectionName: this.connectionName,
        password: this.target.sentinel.password,
        ...(this.target.tls && { tls: this.target.tls }),
        connectTimeout: this.settings.REDIS_SOCKET_TIMEOUT_MS,
        disableClientInfo: true,
        enableReadyCheck: false,
        autoResubscribe: false,
        maxRetriesPerRequest: null,
        retryStrategy: (attempt) => retryDelayMs(attempt, this.settings.REDIS_RECONNECT_CAP_MS),
      });
      this.#sentinels.push(sentinel);
      this.#listen(sentinel);
    }
  }

  #listen(sentinel: Redis): void {
    const { name } = this.target.sentinel;
    /** The primary that this sentinel named last. If it names another one after a lost connection, we missed a message. */
    let named: string | undefined;
    const switched = (primary: string) => {
      named = primary;
      this.#latest = { primary };
      for (const client of this.#connected) this.#move(client);
    };
    const subscribe = async () => {
      await sentinel.subscribe(CHANNEL);
      const answer = await sentinel.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', name);
      const primary = Array.isArray(answer) ? answer.join(':') : undefined;
      if (named !== undefined && primary !== undefined && primary !== named) switched(primary);
      named = primary ?? named;
    };
    // One unavailable sentinel is not logged: the others answer, and if none does, connecting to the primary fails.
    sentinel.on('error', () => {});
    sentinel.on('ready', () => void subscribe().catch(() => {}));
    sentinel.on('message', (_: string, message: string) => {
      const [set, , , host, port] = message.split(' ');
      if (set === name) switched(`${host}:${port}`);
    });
  }

  /** If sentinels announce host names, no socket's address equals them, and one connection too many is remade. */
  #move(client: SharedRedis): void {
    if (addressOf(client) !== this.#latest?.primary) void client.drain();
  }
}
