import type { PassRecordStore } from '../ports';
import { dailyRecordName, passRecordName, shardRecordName } from '../records/record-names';
import type { PassName, PassRecord, PassSummary, ShardRecord } from '../records/sweep-record';
import { gainedSlots, MAX_RESCANS, messageOf, newShard, sliced } from './shard-state';
import { summarise } from './sweep-summary';
import type { SliceDeps } from './work-item';

export type Closing =
  /** Shards are still at work, or another process is faster. */
  | { readonly outcome: 'open' }
  /** The topology changed: these shards were queued. */
  | { readonly outcome: 'extended'; readonly shards: readonly string[] }
  | { readonly outcome: 'closed'; readonly pass: PassRecord };

type ClosingDeps = Pick<SliceDeps, 'records' | 'queue' | 'shards' | 'kinds' | 'clock'>;

/**
 * Ends a run once all its shards have: looks at the topology again, walks what came meanwhile (a promoted replica, slots
 * that moved), and only when nothing did writes the summary. Safe to call at any time, from any process.
 */
export async function closePass(pass: PassRecord['pass'], deps: ClosingDeps): Promise<Closing> {
  const { records, clock } = deps;
  const stored = await records.read<PassRecord>(passRecordName(pass));
  if (stored?.value.status !== 'running') return { outcome: 'open' };
  const run = stored.value;
  const shards = await readShards(run, deps);
  if (shards.length < run.shards.length || shards.some(({ value }) => value.status === 'running')) {
    return { outcome: 'open' };
  }
  const extended = await extend(run, stored.etag, shards, deps);
  if (extended === undefined) return { outcome: 'open' };
  if (extended.length > 0) return { outcome: 'extended', shards: extended };

  const kind = deps.kinds[pass];
  const summary = summarise(
    run,
    shards.map(({ value }) => value),
    kind,
    clock.now(),
  );
  const line = { at: summary.finishedAt, figures: summary.figures };
  const history = run.dryRun ? run.history : [...run.history, line].slice(-HISTORY_LINES);
  const last = { ...summary, figures: { ...summary.figures, ...kind.trend?.(history) } };
  const closed: PassRecord = { ...run, status: 'finished', last, history };
  if (kind.daily && !run.dryRun) await storeDaily(pass, last, records);
  const etag = await records.write(passRecordName(pass), closed, stored.etag);
  return etag === undefined ? { outcome: 'open' } : { outcome: 'closed', pass: closed };
}

/** A run a day for a year; an hourly pass keeps two weeks. */
const HISTORY_LINES = 366;

/** The findings of a day under its date; the last run of the day stays. */
async function storeDaily(pass: PassName, summary: PassSummary, records: PassRecordStore): Promise<void> {
  const name = dailyRecordName(pass, new Date(summary.finishedAt));
  await records.write(name, summary, (await records.read(name))?.etag);
}

interface StoredShard {
  readonly value: ShardRecord;
  readonly etag: string;
}

async function readShards(run: PassRecord, { records }: ClosingDeps): Promise<StoredShard[]> {
  const all = await Promise.all(run.shards.map((shard) => records.read<ShardRecord>(shardRecordName(run.pass, shard))));
  return all.filter((stored): stored is StoredShard => stored?.value.passId === run.passId);
}

/** Queues what the topology makes necessary; undefined when another process changed a record first. */
async function extend(
  run: PassRecord,
  etag: string,
  shards: readonly StoredShard[],
  deps: ClosingDeps,
): Promise<readonly string[] | undefined> {
  const { records, queue, clock } = deps;
  const now = await deps.shards.shards(run.pass);
  const added = now.filter((shard) => !run.shards.includes(shard));
  const again: StoredShard[] = [];
  for (const stored of shards) {
    if (!now.includes(stored.value.shard)) continue;
    if (await isChanged(stored.value, deps)) again.push(stored);
  }
  if (added.length > 0) {
    const written = await records.write(passRecordName(run.pass), { ...run, shards: [...run.shards, ...added] }, etag);
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
    // Without an identity the next slice begins the walk, on whoever answers then.
    const reset: ShardRecord = {
      ...sliced(value, clock.now()),
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

/** A finished shard that owns slots its walk did not cover, or one that was gone and is a master again. */
async function isChanged(record: ShardRecord, { shards }: ClosingDeps): Promise<boolean> {
  if (record.rescans >= MAX_RESCANS) return false;
  if (record.status === 'gone') return true;
  const scanner = await shards.open(record.pass, record.shard, { dryRun: record.dryRun });
  if (!scanner) return false;
  try {
    return gainedSlots(record.slots, (await scanner.vitals()).slotsToBe);
  } finally {
    scanner.close();
  }
}
