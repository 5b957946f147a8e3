import type { Clock } from '../clock';
import type { Logger } from '../logger';
import { type EventCounts, Link } from './connection/connection';
import type { Connector } from './connection/connector';
import { toRedisError } from './connection/map-error';
import { addressOf, isCluster, nodesOf } from './connection/nodes';
import { ReplicaClients } from './connection/replica-clients';
import type { SharedCluster, SharedRedis } from './connection/shared-client';
import type { RedisSettings, Target } from './connection/target';
import { withDeadline } from './deadline';
import { runScript } from './scripts/run-script';
import type { Script } from './scripts/script';
import { ServerClocks } from './server-clock';
import type { LogicalStore, RedisClient, RedisHandle, RedisNode, RunOptions, ScriptOptions } from './types';

/** How long `close` waits for commands under way. */
const CLOSE_MS = 1_000;

interface HandleOptions {
  readonly target: Target;
  readonly settings: RedisSettings;
  readonly logger: Logger;
  readonly connector: Connector;
  readonly clock: Clock;
}

export class Handle implements RedisHandle {
  readonly mode: Target['mode'];
  readonly events: EventCounts = { error: 0, reconnecting: 0, ready: 0, end: 0 };
  readonly #options: HandleOptions;
  readonly #links = new Map<string, Link>();
  readonly #dedicated = new Set<SharedRedis | SharedCluster>();
  readonly #clocks: ServerClocks;
  readonly #replicas = new ReplicaClients((address) => {
    const client = this.#options.connector.server(address, 'replica');
    client.on('error', () => {
      this.events.error += 1;
    });
    return client;
  });

  constructor(options: HandleOptions) {
    this.#options = options;
    this.mode = options.target.mode;
    this.#clocks = new ServerClocks(options.clock);
  }

  client(store: LogicalStore): RedisClient {
    return this.#link(store).client;
  }

  dedicated(store: LogicalStore, purpose: string): RedisClient {
    const client = this.#options.connector.store(this.#database(store), `${store}:${purpose}`, false);
    client.on('error', () => {
      this.events.error += 1; // the shared connection to the same server tells the same story
    });
    this.#dedicated.add(client);
    client.on('end', () => this.#dedicated.delete(client));
    return client;
  }

  async ready(timeoutMs = this.#options.settings.REDIS_DEADLINE_MS): Promise<void> {
    const stores: readonly LogicalStore[] = ['sessions', 'cache', 'work'];
    await Promise.all(stores.map((store) => this.#link(store).ready(timeoutMs)));
  }

  async run<T>(
    store: LogicalStore,
    script: Script<T>,
    keys: readonly string[],
    args: readonly (string | number | Buffer)[],
    options: ScriptOptions = {},
  ): Promise<T> {
    const { deadlineMs = this.#options.settings.REDIS_DEADLINE_MS } = options;
    return runScript(this.#link(store), this.#clocks, script, keys, args, { ...options, deadlineMs });
  }

  async within<T>(command: Promise<T>, options: RunOptions = {}): Promise<T> {
    try {
      return await withDeadline(command, options.deadlineMs ?? this.#options.settings.REDIS_DEADLINE_MS);
    } catch (error) {
      throw toRedisError(error, true, this.#lastError());
    }
  }

  async nodes(which: 'masters' | 'all', store: LogicalStore = 'cache'): Promise<readonly RedisNode[]> {
    const link = this.#link(store);
    await link.ready(this.#options.settings.REDIS_DEADLINE_MS);
    const found = async () => {
      const nodes = await nodesOf(link.client, which);
      if (this.mode !== 'sentinel' || which === 'masters' || isCluster(link.client)) return nodes;
      return [...nodes, ...(await this.#replicas.of(link.client))];
    };
    return this.within(found(), { deadlineMs: this.#options.settings.REDIS_SOCKET_TIMEOUT_MS });
  }

  serverMicros() {
    return this.#clocks.now();
  }

  async close(): Promise<void> {
    this.#options.connector.close();
    this.#replicas.close();
    for (const client of this.#dedicated) {
      client.disconnect();
      client.giveUp();
    }
    await Promise.all([...this.#links.values()].map((link) => link.close(CLOSE_MS)));
  }

  #lastError(): Error | undefined {
    for (const link of this.#links.values()) if (link.lastError) return link.lastError;
    return undefined;
  }

  /** One connection a database: stores that share a database share it too. */
  #link(store: LogicalStore): Link {
    const { logger, target, connector } = this.#options;
    const key = this.mode === 'cluster' ? 'all' : String(this.#database(store));
    let link = this.#links.get(key);
    if (link === undefined) {
      const stores = (['sessions', 'cache', 'work'] as const).filter(
        (each) => this.mode === 'cluster' || this.#database(each) === this.#database(store),
      );
      const client = connector.store(this.#database(store), stores.length === 1 ? store : 'all', true);
      link = new Link({
        client,
        where: target.seeds.map(({ host, port }) => `${host}:${port}`).join(','),
        logger,
        counts: this.events,
        onReady: () => this.#arrived(client),
        ...(this.mode === 'cluster' && { diagnose: () => connector.diagnose() }),
      });
      this.#links.set(key, link);
    }
    return link;
  }

  /** After a (re)connect there may be another machine behind the address, with a clock of its own. */
  #arrived(client: RedisClient): void {
    for (const node of isCluster(client) ? client.nodes('master') : [client]) this.#clocks.doubt(addressOf(node));
  }

  #database(store: LogicalStore): number {
    const { settings } = this.#options;
    return { sessions: settings.REDIS_SESSIONS_DB, cache: settings.REDIS_CACHE_DB, work: settings.REDIS_WORK_DB }[
      store
    ];
  }
}
