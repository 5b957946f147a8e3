import { Redis } from 'ioredis';
import { retryDelayMs } from './client-options';
import { addressOf } from './nodes';
import type { SharedRedis } from './shared-client';
import type { RedisSettings, SentinelTarget } from './target';

const CHANNEL = '+switch-master';

/**
 * Hears from every sentinel when it names another primary, and makes the connections to the old one anew. Without it
 * they would stay there for as long as it lives: after a failover by hand it is made a replica only some ten seconds
 * later. One watch a process, and one connection of it to each sentinel, from the first use on.
 *
 * ioredis' own `failoverDetector` ends a connection for good when the word comes while that is being made.
 */
export class SentinelWatch {
  readonly #sentinels: Redis[] = [];
  readonly #connected = new Set<SharedRedis>();
  /** The last that was said. Compared by identity: the same words said again are another word. */
  #word: { readonly primary: string } | undefined;

  constructor(
    private readonly target: SentinelTarget,
    private readonly settings: RedisSettings,
    private readonly connectionName: string,
  ) {}

  /** Keeps `client` with the primary that was named last. */
  adopt(client: SharedRedis): void {
    let heard = this.#word;
    client.on('connecting', () => {
      heard = this.#word;
      if (this.#sentinels.length === 0) this.#start();
    });
    client.on('ready', () => {
      this.#connected.add(client);
      if (heard !== this.#word) this.#move(client);
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
    /** What this sentinel said last: another word after its connection was lost is one that we missed. */
    let named: string | undefined;
    const hear = (primary: string) => {
      named = primary;
      this.#word = { primary };
      for (const client of this.#connected) this.#move(client);
    };
    const subscribe = async () => {
      await sentinel.subscribe(CHANNEL);
      const answer = await sentinel.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', name);
      const primary = Array.isArray(answer) ? answer.join(':') : undefined;
      if (named !== undefined && primary !== undefined && primary !== named) hear(primary);
      named = primary ?? named;
    };
    // One sentinel away is nothing to tell: the others speak, and connecting tells where none does.
    sentinel.on('error', () => {});
    sentinel.on('ready', () => void subscribe().catch(() => {}));
    sentinel.on('message', (_: string, message: string) => {
      const [set, , , host, port] = message.split(' ');
      if (set === name) hear(`${host}:${port}`);
    });
  }

  /** Sentinels that name hosts can't be compared with a socket: then a connection is made anew once too often. */
  #move(client: SharedRedis): void {
    if (addressOf(client) !== this.#word?.primary) void client.drain();
  }
}
