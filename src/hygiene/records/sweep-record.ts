/**
 * Terms. A *sweep* scans every key for one purpose (sessions, census, reclaim); one *run* of it has a `passId`. A
 * *shard* is one server's keyspace within a run, named `store@host:port`. A *work item* is the part of a shard that one
 * queue message handles; a *batch* of keys is one call to the server. `seq` counts work items.
 *
 * Messages and records keep the older names on the wire: `pass` for the sweep, `pages` for the batches.
 */

export const SWEEPS = ['sessions', 'census', 'reclaim'] as const;
export type SweepName = (typeof SWEEPS)[number];

/** Names a work item. No field has a name that the functions host uses for its own metadata of a message. */
export interface SweepMessage {
  readonly pass: SweepName;
  readonly passId: string;
  readonly shard: string;
  readonly seq: number;
}

/** The server at an address. A restarted node keeps its node id but not its run id; a promoted one has other ids. */
export interface NodeIdentity {
  /** `run_id` of INFO; empty if a proxy answers for several servers. */
  readonly runId: string;
  /** `CLUSTER MYID`; empty without a cluster. */
  readonly nodeId: string;
}

/** How many keys a scan should find, and the counters of what may remove some meanwhile. */
export interface Baseline {
  /** DBSIZE. */
  readonly keys: number;
  readonly expired: number;
  readonly evicted: number;
}

/** INFO's `used_memory` and `maxmemory` in bytes; 0 means no limit. */
export type NodeMemory = { readonly usedBytes: number; readonly capacityBytes: number };

/** The progress of one shard. Changed only under its ETag. */
export interface ShardRecord<F = unknown> extends NodeIdentity, SweepMessage {
  readonly format: 1;
  /** `gone`: no longer a master; the servers that have its slots now are scanned instead. */
  readonly status: 'running' | 'finished' | 'gone';
  /** Reports and changes nothing. */
  readonly dryRun: boolean;
  /** Why a finished shard may have missed keys; empty if it missed none. */
  readonly faults: readonly string[];
  readonly cursor: string;
  /** Slots that the server owned when this scan started. */
  readonly slots: string;
  readonly baseline: Baseline;
  readonly memory: NodeMemory;
  /** Keys that SCAN has returned in this scan, foreign ones included. */
  readonly examined: number;
  readonly pages: number;
  /** Time the server spent on the batches, in µs. */
  readonly serverMicros: number;
  /** The last COUNT: the next work item starts with it. */
  readonly count: number;
  /** Scans restarted because another server answered. */
  readonly restarts: number;
  /** Scans repeated because slots arrived or keys were missing. */
  readonly rescans: number;
  /** ms since 1970. */
  readonly startedAt: number;
  readonly updatedAt: number;
  /** When its continuation is to be delivered: the shard is not stalled before that. */
  readonly dueAt: number;
  /** Until then other deliveries leave the shard to the work item that is running; 0 if none is. */
  readonly claimedUntil: number;
  readonly findings: F;
}

/** One run of a sweep, over all its shards. */
export interface SweepRecord<F = unknown> {
  readonly format: 1;
  readonly pass: SweepName;
  readonly passId: string;
  readonly status: 'running' | 'finished';
  readonly dryRun: boolean;
  readonly shards: readonly string[];
  readonly startedAt: number;
  /** The last run that finished, if any. */
  readonly last?: SweepSummary<F>;
  /** One line for each finished run, oldest first, for trends. */
  readonly history: readonly HistoryLine[];
}

export type HistoryLine = { readonly at: number; readonly figures: Readonly<Record<string, number>> };

/** The result of a finished run. */
export interface SweepSummary<F = unknown> extends Pick<SweepRecord, 'passId' | 'dryRun' | 'startedAt'> {
  readonly finishedAt: number;
  /** Empty: every key that existed from start to end was examined. */
  readonly faults: readonly string[];
  readonly shards: number;
  readonly examined: number;
  readonly pages: number;
  readonly serverMs: number;
  readonly restarts: number;
  readonly rescans: number;
  readonly figures: Readonly<Record<string, number>>;
  readonly findings: F;
}

/** The message in a value; undefined if it holds none. Fields of later versions are ignored. */
export function toSweepMessage(value: unknown): SweepMessage | undefined {
  const { pass, passId, shard, seq } = (value ?? {}) as Partial<Record<keyof SweepMessage, unknown>>;
  const known = SWEEPS.find((name) => name === pass);
  if (!known || typeof passId !== 'string' || typeof shard !== 'string' || !Number.isSafeInteger(seq)) return undefined;
  return { pass: known, passId, shard, seq: seq as number };
}

/** Name of a sweep's record: the current run, its shards, and the result of the last one. */
export const sweepRecordName = (sweep: SweepName): string => `${sweep}/pass.json`;

/** Name of a shard's record. The colons in a shard's name are not safe in the name of a blob. */
export const shardRecordName = (sweep: SweepName, shard: string): string =>
  `${sweep}/shard-${encodeURIComponent(shard).replaceAll('%', '~')}.json`;

/** Name of the findings of one day, UTC. */
export const dailyRecordName = (sweep: SweepName, day: Date): string =>
  `${sweep}/${day.toISOString().slice(0, 10)}.json`;
