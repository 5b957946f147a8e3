import type { Cluster, Redis } from 'ioredis';
import type { Script } from './scripts/script';

/** ioredis' client of one server or of a whole cluster. */
export type RedisClient = Redis | Cluster;

/**
 * The purpose of keys. On a standalone server each store may have its own database. A cluster has one database, so there
 * only their key prefixes keep the stores apart.
 */
export type LogicalStore = 'sessions' | 'cache' | 'work';

/** One node: for INFO, SCAN and TIME, which answer for one node only. */
export interface RedisNode {
  /** `host:port` as the client reaches it. Bounded, so it may be a metric's label. */
  readonly address: string;
  readonly role: 'master' | 'replica';
  readonly client: Redis;
}

export interface RunOptions {
  /** How long the caller waits, in ms; the script refuses to write after it. Default: `REDIS_DEADLINE_MS`. */
  readonly deadlineMs?: number;
}

export interface ScriptOptions extends RunOptions {
  /** Replies as Buffers instead of strings, for values that are not text. Default: false. */
  readonly buffers?: boolean;
  /** Runs on this node, for scripts without keys. Default: the node that owns the first key. */
  readonly node?: RedisNode;
}

/** The only access to Redis that other layers have. Nothing connects before the first use. */
export interface RedisHandle {
  readonly mode: 'standalone' | 'sentinel' | 'cluster';
  /** The shared connection of a store. All callers' commands go over it, so never block or subscribe on it. */
  client(store: LogicalStore): RedisClient;
  /** A connection of its own, for blocking, WAIT or subscribing. The caller closes it with `disconnect()`. */
  dedicated(store: LogicalStore, purpose: string): RedisClient;
  /** Resolves once a command can be sent; rejects with `E_REDIS_UNAVAILABLE` after `timeoutMs`. */
  ready(timeoutMs?: number): Promise<void>;
  /**
   * Runs a script under the deadline. A writing script gets the deadline in its node's own time and refuses after it, so
   * a command that was given up changes nothing late. Waits for a connection, and within the deadline repeats a script
   * that certainly changed nothing or that may be repeated. Rejects with `E_DEADLINE` or `E_REDIS_UNAVAILABLE`.
   */
  run<T>(
    store: LogicalStore,
    script: Script<T>,
    keys: readonly string[],
    args: readonly (string | number | Buffer)[],
    options?: ScriptOptions,
  ): Promise<T>;
  /** Waits for a command until the deadline, then rejects with `E_DEADLINE`. Maps connection errors to `E_REDIS_UNAVAILABLE`. */
  within<T>(command: Promise<T>, options?: RunOptions): Promise<T>;
  /** The present masters, or masters and replicas: the topology is read again. */
  nodes(which: 'masters' | 'all', store?: LogicalStore): Promise<readonly RedisNode[]>;
  /** Server time in microseconds: local time plus the offset last learnt from TIME. Undefined before the first. */
  serverMicros(): { readonly micros: number; readonly uncertaintyMicros: number } | undefined;
  /** Events since the start of the process, for the app's own metrics. */
  readonly events: Readonly<Record<'error' | 'reconnecting' | 'ready' | 'end', number>>;
  /** Waits for commands that were sent, then closes every connection made here. */
  close(): Promise<void>;
}
