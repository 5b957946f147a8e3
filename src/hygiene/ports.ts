import type { Baseline, HistoryLine, NodeIdentity, NodeMemory, PassName, SweepMessage } from './records/sweep-record';

/** A JSON value under a name, changed only by who has read its present state. */
export interface PassRecordStore {
  /** Undefined when there is none. */
  read<T>(name: string): Promise<{ readonly value: T; readonly etag: string } | undefined>;
  /**
   * Writes over the state that `etag` names, or makes it where `etag` is undefined. Answers the new ETag, or undefined
   * when another writer was faster: then nothing was written.
   */
  write(name: string, value: object, etag: string | undefined): Promise<string | undefined>;
}

/** Where slices wait. Delivery is at least once, in any order. */
export interface SweepQueue {
  send(message: SweepMessage, delaySeconds?: number): Promise<void>;
}

/** What a server says of itself, read at every connect and at every save. */
export interface NodeVitals extends NodeIdentity, Baseline, NodeMemory {
  readonly role: 'master' | 'replica';
  /** A failover is being prepared or under way. */
  readonly failingOver: boolean;
  /** Slots that are its own and stay, as CLUSTER NODES writes them; empty without a cluster. */
  readonly slots: string;
  /** The same with those that are just arriving. */
  readonly slotsToBe: string;
  /** CPU seconds used since its start. */
  readonly cpuSeconds: number;
  /** How long it took to say so, in ms. */
  readonly latencyMs: number;
}

/** What one page found. */
export interface Page<P = unknown> {
  /** Where to go on; `'0'` at the end. */
  readonly cursor: string;
  readonly examined: number;
  /** Time the server worked on it, in µs. */
  readonly micros: number;
  readonly found: P;
}

/** One server's keyspace, walked page by page. */
export interface Scanner {
  vitals(): Promise<NodeVitals>;
  page(cursor: string, count: number): Promise<Page>;
  /** True when the connection was made anew since the last `vitals`: who answers must be asked again. */
  reconnected(): boolean;
  close(): void;
}

/** The servers there are. */
export interface ShardSource {
  /** Names of the shards a pass has now; the topology is read afresh. */
  shards(pass: PassName): Promise<readonly string[]>;
  /** Undefined when the shard's server is no longer a master. */
  open(pass: PassName, shard: string, options: { readonly dryRun: boolean }): Promise<Scanner | undefined>;
}

/** What a pass makes of the pages. `F` is kept in the record, so it is small and JSON; `P` is one page's. */
export interface PassKind<F = unknown, P = unknown> {
  readonly name: PassName;
  /** The findings of each day are kept. */
  readonly daily?: true;
  empty(): F;
  /** Adds a page; changes `findings`. */
  add(findings: F, page: P): void;
  /** Adds another shard's; changes `findings`. */
  merge(findings: F, other: F): void;
  /** The walk begins anew: what was seen is forgotten, what was done stays. Changes `findings`. */
  forget(findings: F): void;
  /** What was seen, as numbers for reports. */
  figures(findings: F): Record<string, number>;
  /** What was changed, as numbers that only grow while the run lasts. */
  changes(findings: F): Record<string, number>;
  /** What the runs so far, the one just done being the last, say of the days to come. */
  trend?(history: readonly HistoryLine[]): Record<string, number>;
}
