import type { RecordStore, SweepDeps, SweepKind } from '../ports';
import {
  dailyRecordName,
  type NodeMemory,
  type ShardRecord,
  type SweepName,
  type SweepRecord,
  type SweepSummary,
  shardRecordName,
  sweepRecordName,
} from '../records/sweep-record';
import { gainedSlots, MAX_RESCANS, messageOf, newShard, nextWorkItem } from './shard-state';

export type FinishResult =
  /** Shards are still being worked on, or another process was faster. */
  | { readonly outcome: 'open' }
  /** The topology changed: these shards were queued. */
  | { readonly outcome: 'extended'; readonly shards: readonly string[] }
  | { readonly outcome: 'closed'; readonly record: SweepRecord };

type FinishDeps = Pick<SweepDeps, 'records' | 'queue' | 'shards' | 'kinds' | 'clock'>;

/** A year of daily runs; an hourly sweep keeps two weeks. */
const HISTORY_LINES = 366;

/**
 * Ends a run once all its shards have ended. Reads the topology again first, and scans what was added meanwhile (a
 * promoted replica, slots that moved). Writes the summary only if nothing was added. Any process may call it at any time.
 */
export async function finishSweep(sweep: SweepName, deps: FinishDeps): Promise<FinishResult> {
  const { records, clock } = deps;
  const stored = await records.read<SweepRecord>(sweepRecordName(sweep));
  if (stored?.value.status !== 'running') return { outcome: 'open' };
  const run = stored.value;
  const shards = await readShards(run, deps);
  if (shards.length < run.shards.length || shards.some(({ value }) => value.status === 'running')) {
    return { outcome: 'open' };
  }
  const extended = await extend(run, stored.etag, shards, deps);
  if (extended === undefined) return { outcome: 'open' };
  if (extended.length > 0) return { outcome: 'extended', shards: extended };

  const kind = deps.kinds[sweep];
  const ended = shards.map(({ value }) => value);
  const summary = summarise(run, ended, kind, clock.now());
  const line = { at: summary.finishedAt, figures: summary.figures };
  const history = run.dryRun ? run.history : [...run.history, line].slice(-HISTORY_LINES);
  const last = { ...summary, figures: { ...summary.figures, ...kind.trend?.(history) } };
  const closed: SweepRecord = { ...run, status: 'finished', last, history };
  if (kind.daily && !run.dryRun) await storeDaily(sweep, last, records);
  const etag = await records.write(sweepRecordName(sweep), closed, stored.etag);
  return etag === undefined ? { outcome: 'open' } : { outcome: 'closed', record: closed };
}

/** Stores the findings of a day under its date; the last run of the day stays. */
async function storeDaily(sweep: SweepName, summary: SweepSummary, records: RecordStore): Promise<void> {
  const name = dailyRecordName(sweep, new Date(summary.finishedAt));
  await records.write(name, summary, (await records.read(name))?.etag);
}

type StoredShard = { readonly value: ShardRecord; readonly etag: string };

async function readShards(run: SweepRecord, { records }: FinishDeps): Promise<StoredShard[]> {
  const all = await Promise.all(run.shards.map((shard) => records.read<ShardRecord>(shardRecordName(run.pass, shard))));
  return all.filter((stored): stored is StoredShard => stored?.value.passId === run.passId);
}

/** Queues the shards that the topology now requires; undefined if another process changed a record first. */
async function extend(run: SweepRecord, etag: string, shards: readonly StoredShard[], deps: FinishDeps) {
  const { records, queue, clock } = deps;
  const now = await deps.shards.shards(run.pass);
  const added = now.filter((shard) => !run.shards.includes(shard));
  const again: StoredShard[] = [];
  for (const stored of shards) {
    if (!now.includes(stored.value.shard)) continue;
    if (await isChanged(stored.value, deps)) again.push(stored);
  }
  if (added.length > 0) {
    const written = await records.write(sweepRecordName(run.pass), { ...run, shards: [...run.shards, ...added] }, etag);
    if (written === undefined) return undefined;
  }
  const kind = deps.kinds[run.pass];
  for (const shard of added) {
    const name = shardRecordName(run.pass, shard);
    const old = await records.read<ShardRecord>(name);
    const fresh = newShard(run, shard, kind.empty(), clock.now());
    if ((await records.write(name, fresh, old?.etag)) !== undefined) await queue.send(messageOf(fresh));
  }
  for (const { value, etag: shardEtag } of again) {
    kind.forget(value.findings);
    // Without an identity, the next work item starts the scan on whichever server answers then.
    const reset: ShardRecord = {
      ...nextWorkItem(value, clock.now()),
      status: 'running',
      runId: '',
      nodeId: '',
      cursor: '0',
      examined: 0,
      rescans: value.rescans + 1,
    };
    if ((await records.write(shardRecordName(run.pass, value.shard), reset, shardEtag)) === undefined) return undefined;
    await queue.send(messageOf(reset));
  }
  return [...added, ...again.map(({ value }) => value.shard)];
}

/** True for a finished shard with slots that its scan did not cover, and for one that was gone and is a master again. */
async function isChanged(record: ShardRecord, { shards }: FinishDeps): Promise<boolean> {
  if (record.rescans >= MAX_RESCANS) return false;
  if (record.status === 'gone') return true;
  const scanner = await shards.open(record.pass, record.shard, { dryRun: record.dryRun });
  if (!scanner) return false;
  try {
    return gainedSlots(record.slots, (await scanner.serverLoad()).slotsToBe);
  } finally {
    scanner.close();
  }
}

/** Adds up the shards of a run. */
export function summarise<F>(
  run: SweepRecord,
  shards: readonly ShardRecord<F>[],
  kind: SweepKind<F>,
  now: number,
): SweepSummary<F> {
  const findings = kind.empty();
  for (const shard of shards) kind.merge(findings, shard.findings);
  const sum = (of: (shard: ShardRecord<F>) => number) => shards.reduce((total, shard) => total + of(shard), 0);
  return {
    passId: run.passId,
    dryRun: run.dryRun,
    startedAt: run.startedAt,
    finishedAt: now,
    faults: shards.flatMap(({ shard, faults }) => faults.map((fault) => `${shard}: ${fault}`)),
    shards: shards.length,
    examined: sum(({ examined }) => examined),
    pages: sum(({ pages }) => pages),
    serverMs: Math.round(sum(({ serverMicros }) => serverMicros) / 1_000),
    restarts: sum(({ restarts }) => restarts),
    rescans: sum(({ rescans }) => rescans),
    figures: { ...memoryOf(shards), ...kind.figures(findings), ...kind.changes(findings) },
    findings,
  };
}

/** Memory of the servers; each counts once, even if several of its databases were scanned. */
function memoryOf(shards: readonly ShardRecord[]): NodeMemory {
  const servers = new Map(
    shards
      .filter(({ status }) => status !== 'gone')
      .map(({ shard, memory }) => [shard.slice(shard.indexOf('@')), memory]),
  );
  const all = [...servers.values()];
  return {
    usedBytes: all.reduce((sum, { usedBytes }) => sum + usedBytes, 0),
    // If one server has no limit, the whole has none.
    capacityBytes: all.some(({ capacityBytes }) => capacityBytes === 0)
      ? 0
      : all.reduce((sum, { capacityBytes }) => sum + capacityBytes, 0),
  };
}
