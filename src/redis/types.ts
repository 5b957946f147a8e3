import type { Cluster, Redis } from 'ioredis';
import type { Script } from './scripts/script';

/** One server or a whole cluster, as ioredis speaks to it. */
export type RedisClient = Redis | Cluster;

/**
 * What the keys are for. On a standalone server each is a database of its own; on a cluster, which has one database,
 * their key prefixes alone keep them apart.
 */
export type LogicalStore = 'sessions' | 'cache' | 'work';

/** One node, reached by itself: for INFO, SCAN and TIME, which answer for one node only. */
export interface RedisNode {
  /** `host:port` as the client reaches it. Bounded, so it may be a metric's label. */
  readonly address: string;
  readonly role: 'master' | 'replica';
  readonly client: Redis;
}

export interface RunOptions {
  /** How long the caller waits, in ms; the script refuses to write after it. Default: the handle's deadline. */
  readonly deadlineMs?: number;
}

export interface ScriptOptions extends RunOptions {
  /** Replies as Buffers instead of strings, for values that are not text. Default: false. */
  readonly buffers?: boolean;
  /** Runs on this node, for scripts without keys. Default: the node that owns the first key. */
  readonly node?: RedisNode;
}

/** Everything the other layers know of Redis. Nothing connects before the first use. */
export interface RedisHandle {
  readonly mode: 'standalone' | 'sentinel' | 'cluster';
  /** The shared connection of a store. Commands on it are multiplexed; never block or subscribe on it. */
  client(store: LogicalStore): RedisClient;
  /** A connection of its own, for blocking, WAIT or subscribing. The caller closes it with `disconnect()`. */
  dedicated(store: LogicalStore, purpose: string): RedisClient;
  /** Resolves once a command can be sent; rejects with `E_REDIS_UNAVAILABLE` after `timeoutMs`. */
  ready(timeoutMs?: number): Promise<void>;
  /**
   * Runs a script under the deadline. A writing script is told the deadline in its node's own time and refuses after
   * it, so a command that was given up changes nothing late. Waits for a connection, and repeats within the deadline
   * what was not carried out for certain or may be repeated. Rejects with `E_DEADLINE` or `E_REDIS_UNAVAILABLE`.
   */
  run<T>(
    store: LogicalStore,
    script: Script<T>,
    keys: readonly string[],
    args: readonly (string | number | Buffer)[],
    options?: ScriptOptions,
  ): Promise<T>;
  /** Awaits a command for the deadline, then rejects with `E_DEADLINE`; maps connection errors to `E_REDIS_UNAVAILABLE`. */
  within<T>(command: Promise<T>, options?: RunOptions): Promise<T>;
  /** Masters, or masters and replicas, as they are now: the topology is read afresh. */
  nodes(which: 'masters' | 'all', store?: LogicalStore): Promise<readonly RedisNode[]>;
  /** Server time in microseconds as far as known here: local time plus the offset last learnt from TIME. */
  serverMicros(): { readonly micros: number; readonly uncertaintyMicros: number } | undefined;
  /** Events since the start of the process, for the app's own metrics. */
  readonly events: Readonly<Record<'error' | 'reconnecting' | 'ready' | 'end', number>>;
  /** Ends every connection this handle made, commands under way first. */
  close(): Promise<void>;
}
