import type { Clock } from '../clock';
import type { JsonBlobs } from '../storage/json-blobs';
import type { HistoryLine, SweepMessage, SweepName } from './records/sweep-record';
import type { QuietHours } from './throttle/quiet-hours';
import type { ServerLoad } from './throttle/server-load';
import type { ThrottleLimits } from './throttle/throttle-limits';

/** The records of the sweeps by name. */
export type RecordStore = JsonBlobs;

/** Holds the work items. Delivery is at least once, in any order. */
export interface SweepQueue {
  send(message: SweepMessage, delaySeconds?: number): Promise<void>;
}

/** The result of one batch of keys. */
export interface KeyBatch<P = unknown> {
  /** The next cursor; `'0'` at the end. */
  readonly cursor: string;
  readonly examined: number;
  /** Time the server worked on it, in µs. */
  readonly micros: number;
  readonly found: P;
}

/** Reads and handles one batch: from `cursor`, about `count` keys. */
export type BatchReader<P> = (cursor: string, count: number) => Promise<KeyBatch<P>>;

/** One server's keyspace, read batch by batch. */
export interface Scanner {
  serverLoad(): Promise<ServerLoad>;
  batch: BatchReader<unknown>;
  /** True if the connection was replaced since the last `serverLoad`: another server may be answering now. */
  reconnected(): boolean;
  close(): void;
}

/** The servers of the cache, as shards. */
export interface ShardSource {
  /** Names of the shards that a sweep has now; reads the topology each time. */
  shards(sweep: SweepName): Promise<readonly string[]>;
  /** Undefined if the shard's server is no longer a master. */
  open(sweep: SweepName, shard: string, options: { readonly dryRun: boolean }): Promise<Scanner | undefined>;
}

/** What a sweep does with its batches. `F` is kept in the record, so it is small and JSON; `P` is one batch's. */
export interface SweepKind<F = unknown, P = unknown> {
  readonly name: SweepName;
  /** The findings of each day are kept. */
  readonly daily?: true;
  empty(): F;
  /** Adds a batch; changes `findings`. */
  add(findings: F, batch: P): void;
  /** Adds the findings of another shard; changes `findings`. */
  merge(findings: F, other: F): void;
  /** For a scan that restarts: clears what was seen and keeps what was done. Changes `findings`. */
  forget(findings: F): void;
  /** What was seen, as numbers for reports. */
  figures(findings: F): Record<string, number>;
  /** What was changed, as numbers that only grow during a run. */
  changes(findings: F): Record<string, number>;
  /** A forecast from the runs so far, the newest last. */
  trend?(history: readonly HistoryLine[]): Record<string, number>;
}

export interface WorkItemOptions {
  /** How long a work item runs before it hands over to the next, in ms. Well below the function's time-out. */
  readonly budgetMs: number;
  /** How often the record is saved and the server's load is read, in ms. */
  readonly saveEveryMs: number;
  /** How long a work item that has died blocks its successors, in ms. More than `saveEveryMs` and any batch. */
  readonly claimMs: number;
  /** How long a sweep pauses after it was stopped, in ms. */
  readonly pauseMs: number;
  /** A run that takes longer is ended with a fault: a keyspace may grow as fast as it is scanned. In ms. */
  readonly maxSweepMs: number;
  readonly limits: ThrottleLimits;
}

/** Everything the engine works with. */
export interface SweepDeps {
  readonly records: RecordStore;
  readonly queue: SweepQueue;
  readonly shards: ShardSource;
  readonly kinds: Readonly<Record<SweepName, SweepKind>>;
  readonly quiet: QuietHours;
  readonly clock: Clock;
  readonly options: WorkItemOptions;
  /** Aborted when the process ends: a work item then hands over after its batch. Default: never. */
  readonly ending?: AbortSignal | undefined;
}
