import type { Clock } from '../clock';
import type { Logger } from '../logger';
import { Connection, type EventCounts } from './connection/connection';
import type { Connector } from './connection/connector';
import { toRedisError } from './connection/map-error';
import { addressOf, isCluster, nodesOf, ReplicaClients } from './connection/nodes';
import type { SharedCluster, SharedRedis } from './connection/shared-client';
import type { RedisSettings, Target } from './connection/target';
import { withDeadline } from './deadline';
import { runScript, type ScriptArguments } from './scripts/run-script';
import type { Script } from './scripts/script';
import { ServerClocks } from './server-clock';
import type { LogicalStore, RedisClient, RedisHandle, RedisNode, RunOptions, ScriptOptions } from './types';

/** How long `close` waits for answers to commands that were sent. */
const CLOSE_MS = 1_000;

interface FacadeOptions {
  readonly target: Target;
  readonly settings: RedisSettings;
  readonly logger: Logger;
  readonly connector: Connector;
  readonly clock: Clock;
}

/** Implements `RedisHandle` on one shared connection a database. */
export class RedisFacade implements RedisHandle {
  readonly mode: Target['mode'];
  readonly events: EventCounts = { error: 0, reconnecting: 0, ready: 0, end: 0 };
  readonly #options: FacadeOptions;
  readonly #connections = new Map<string, Connection>();
  readonly #dedicated = new Set<SharedRedis | SharedCluster>();
  readonly #clocks: ServerClocks;
  readonly #replicas = new ReplicaClients((address) => {
    const client = this.#options.connector.server(address, 'replica');
    client.on('error', () => {
      this.events.error += 1;
    });
    return client;
  });

  constructor(options: FacadeOptions) {
    this.#options = options;
    this.mode = options.target.mode;
    this.#clocks = new ServerClocks(options.clock);
  }

  client(store: LogicalStore): RedisClient {
    return this.#connection(store).client;
  }

  dedicated(store: LogicalStore, purpose: string): RedisClient {
    const client = this.#options.connector.store(this.#database(store), `${store}:${purpose}`, false);
    client.on('error', () => {
      this.events.error += 1; // not logged: the shared connection to the same server logs the same
    });
    this.#dedicated.add(client);
    client.on('end', () => this.#dedicated.delete(client));
    return client;
  }

  async ready(timeoutMs = this.#options.settings.REDIS_DEADLINE_MS): Promise<void> {
    const stores: readonly LogicalStore[] = ['sessions', 'cache', 'work'];
    await Promise.all(stores.map((store) => this.#connection(store).ready(timeoutMs)));
  }

  async run<T>(
    store: LogicalStore,
    script: Script<T>,
    keys: readonly string[],
    args: ScriptArguments,
    options: ScriptOptions = {},
  ): Promise<T> {
    const { deadlineMs = this.#options.settings.REDIS_DEADLINE_MS } = options;
    return runScript(this.#connection(store), this.#clocks, script, keys, args, { ...options, deadlineMs });
  }

  async within<T>(command: Promise<T>, options: RunOptions = {}): Promise<T> {
    try {
      return await withDeadline(command, options.deadlineMs ?? this.#options.settings.REDIS_DEADLINE_MS);
    } catch (error) {
      throw toRedisError(error, true, this.#lastError());
    }
  }

  async nodes(which: 'masters' | 'all', store: LogicalStore = 'cache'): Promise<readonly RedisNode[]> {
    const connection = this.#connection(store);
    await connection.ready(this.#options.settings.REDIS_DEADLINE_MS);
    const { client } = connection;
    const found = async () => {
      const nodes = await nodesOf(client, which);
      if (this.mode !== 'sentinel' || which === 'masters' || isCluster(client)) return nodes;
      return [...nodes, ...(await this.#replicas.of(client))];
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
    await Promise.all([...this.#connections.values()].map((connection) => connection.close(CLOSE_MS)));
  }

  #lastError(): Error | undefined {
    for (const { lastError } of this.#connections.values()) if (lastError) return lastError;
    return undefined;
  }

  /** One a database: stores that share a database share the connection too. */
  #connection(store: LogicalStore): Connection {
    const key = this.mode === 'cluster' ? 'all' : String(this.#database(store));
    const known = this.#connections.get(key);
    if (known !== undefined) return known;
    const connection = this.#connect(store);
    this.#connections.set(key, connection);
    return connection;
  }

  #connect(store: LogicalStore): Connection {
    const { logger, target, connector } = this.#options;
    const isShared =
      this.mode === 'cluster' ||
      (['sessions', 'cache', 'work'] as const).some(
        (other) => other !== store && this.#database(other) === this.#database(store),
      );
    const client = connector.store(this.#database(store), isShared ? 'all' : store, true);
    return new Connection({
      client,
      where: target.seeds.map(({ host, port }) => `${host}:${port}`).join(','),
      logger,
      counts: this.events,
      onReady: () => this.#connected(client),
      diagnose: this.mode === 'cluster' ? () => connector.diagnose() : undefined,
    });
  }

  /** After a (re)connect there may be another machine behind the address, with a clock of its own. */
  #connected(client: RedisClient): void {
    for (const node of isCluster(client) ? client.nodes('master') : [client]) this.#clocks.doubt(addressOf(node));
  }

  #database(store: LogicalStore): number {
    const { settings } = this.#options;
    const { REDIS_SESSIONS_DB: sessions, REDIS_CACHE_DB: cache, REDIS_WORK_DB: work } = settings;
    return { sessions, cache, work }[store];
  }
}
