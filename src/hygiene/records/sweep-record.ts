/**
 * Terms. A *pass* walks every key of one kind of work (sessions, census, reclaim); one *run* of it has a `passId`. A
 * *shard* is one server's keyspace within a run, named `store@host:port`. A *slice* is what one queue message does of a
 * shard; a *page* is one call to the server. `seq` counts slices.
 */

export const PASSES = ['sessions', 'census', 'reclaim'] as const;
export type PassName = (typeof PASSES)[number];

/** Names a slice. None of its fields shadows the metadata that the functions host puts beside a message. */
export interface SweepMessage {
  readonly pass: PassName;
  readonly passId: string;
  readonly shard: string;
  readonly seq: number;
}

/** Who answers at an address. A restarted node keeps its node id but not its run id; a promoted one has others. */
export interface NodeIdentity {
  /** `run_id` of INFO; empty where a proxy answers for several servers. */
  readonly runId: string;
  /** `CLUSTER MYID`; empty without a cluster. */
  readonly nodeId: string;
}

/** How many keys there should be to examine, and what may take some away meanwhile. */
export interface Baseline {
  /** DBSIZE. */
  readonly keys: number;
  readonly expired: number;
  readonly evicted: number;
}

/** INFO's `used_memory` and `maxmemory` in bytes; a limit of 0 is none. */
export interface NodeMemory {
  readonly usedBytes: number;
  readonly capacityBytes: number;
}

/** How far one shard has come. Changed only under its ETag. */
export interface ShardRecord<F = unknown> extends NodeIdentity {
  readonly format: 1;
  readonly pass: PassName;
  readonly passId: string;
  readonly shard: string;
  /** `gone`: no longer a master; whoever has its slots now is examined instead. */
  readonly status: 'running' | 'finished' | 'gone';
  /** Reports and changes nothing. */
  readonly dryRun: boolean;
  /** Why a finished shard may have missed keys; empty when it has not. */
  readonly faults: readonly string[];
  /** The slice that is due or under way. */
  readonly seq: number;
  readonly cursor: string;
  /** Slots that were its own, and not about to be, when this walk began. */
  readonly slots: string;
  readonly baseline: Baseline;
  readonly memory: NodeMemory;
  /** Keys returned by SCAN in this walk, foreign ones included. */
  readonly examined: number;
  readonly pages: number;
  /** Time the server spent on the pages, in µs. */
  readonly serverMicros: number;
  /** COUNT that the last slice ended with: the next begins there. */
  readonly count: number;
  /** Walks begun anew because another server answered. */
  readonly restarts: number;
  /** Walks repeated because slots arrived or keys were short. */
  readonly rescans: number;
  /** ms since 1970. */
  readonly startedAt: number;
  readonly updatedAt: number;
  /** When its continuation was asked to come: a shard is not stalled before that. */
  readonly dueAt: number;
  /** Until then another delivery leaves the shard to the slice that is under way; 0 when none is. */
  readonly claimedUntil: number;
  readonly findings: F;
}

/** One run of a pass, over all its shards. */
export interface PassRecord<F = unknown> {
  readonly format: 1;
  readonly pass: PassName;
  readonly passId: string;
  readonly status: 'running' | 'finished';
  readonly dryRun: boolean;
  readonly shards: readonly string[];
  readonly startedAt: number;
  /** The last run that finished, if any. */
  readonly last?: PassSummary<F>;
  /** One line a finished run, oldest first, for growth. */
  readonly history: readonly HistoryLine[];
}

export interface HistoryLine {
  readonly at: number;
  readonly figures: Readonly<Record<string, number>>;
}

/** What a finished run found. */
export interface PassSummary<F = unknown> {
  readonly passId: string;
  readonly dryRun: boolean;
  readonly startedAt: number;
  readonly finishedAt: number;
  /** Empty: every key that was there from start to end was examined. */
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

/** The message a value holds, or undefined when it holds none: fields of later versions are ignored. */
export function toSweepMessage(value: unknown): SweepMessage | undefined {
  const { pass, passId, shard, seq } = (value ?? {}) as Partial<Record<keyof SweepMessage, unknown>>;
  const known = PASSES.find((name) => name === pass);
  if (!known || typeof passId !== 'string' || typeof shard !== 'string' || !Number.isSafeInteger(seq)) return undefined;
  return { pass: known, passId, shard, seq: seq as number };
}
