import { randomUUID } from 'node:crypto';
import { MINUTE } from '../../clock';
import type { SweepDeps } from '../ports';
import {
  type ShardRecord,
  SWEEPS,
  type SweepName,
  type SweepRecord,
  shardRecordName,
  sweepRecordName,
} from '../records/sweep-record';
import { finishSweep } from './finish-sweep';
import { messageOf, newShard } from './shard-state';

export interface PlanOptions {
  /** Time from the start of one run to the start of the next, in ms; 0 means never. */
  readonly everyMs: Readonly<Record<SweepName, number>>;
  /** A running shard without news for this long is queued again, in ms. */
  readonly stalledMs: number;
  /** Runs report, and change nothing. */
  readonly dryRun: boolean;
}

export interface PlanResult {
  readonly started: readonly SweepName[];
  /** Shards queued: new ones, and stalled ones again. */
  readonly queued: number;
  readonly stalled: number;
  readonly closed: readonly SweepName[];
}

/** A timer fires a little early or late; a sweep that is due in a moment is due. */
const SLACK = 5 * MINUTE;

/** Starts the sweeps that are due, and resumes those that a crash has interrupted. Several planners may run at once. */
export async function plan(at: Date, deps: SweepDeps, options: PlanOptions): Promise<PlanResult> {
  const started: SweepName[] = [];
  const closed: SweepName[] = [];
  let queued = 0;
  let stalled = 0;
  if (deps.quiet.leftMs(deps.clock.now()) > 0) return { started, queued, stalled, closed };
  for (const sweep of SWEEPS) {
    const stored = await deps.records.read<SweepRecord>(sweepRecordName(sweep));
    if (stored?.value.status === 'running') {
      const resumed = await queueShards(stored.value, deps, options.stalledMs);
      queued += resumed.queued;
      stalled += resumed.stalled;
      if (resumed.running === 0 && (await finishSweep(sweep, deps)).outcome === 'closed') closed.push(sweep);
      continue;
    }
    const everyMs = options.everyMs[sweep];
    if (everyMs <= 0 || (stored && at.getTime() - stored.value.startedAt < everyMs - SLACK)) continue;
    const run = await startSweep(sweep, { dryRun: options.dryRun, startedAt: at.getTime() }, deps, stored);
    if (!run) continue;
    started.push(sweep);
    queued += (await queueShards(run, deps, options.stalledMs)).queued;
  }
  return { started, queued, stalled, closed };
}

/** Starts a run over the present shards; undefined if another process started one first. */
export async function startSweep(
  sweep: SweepName,
  { dryRun, startedAt }: { readonly dryRun: boolean; readonly startedAt: number },
  deps: Pick<SweepDeps, 'records' | 'shards'>,
  stored?: { readonly value: SweepRecord; readonly etag: string },
): Promise<SweepRecord | undefined> {
  const run: SweepRecord = {
    format: 1,
    pass: sweep,
    passId: randomUUID(),
    status: 'running',
    dryRun,
    shards: await deps.shards.shards(sweep),
    startedAt,
    ...(stored?.value.last ? { last: stored.value.last } : {}),
    history: stored?.value.history ?? [],
  };
  const etag = await deps.records.write(sweepRecordName(sweep), run, stored?.etag);
  return etag === undefined ? undefined : run;
}

/** Creates the missing shard records, and queues every shard that nothing seems to be working on. */
export async function queueShards(
  run: SweepRecord,
  deps: Pick<SweepDeps, 'records' | 'queue' | 'kinds' | 'clock'>,
  stalledMs: number,
): Promise<{ queued: number; stalled: number; running: number }> {
  const { records, queue, kinds, clock } = deps;
  let queued = 0;
  let stalled = 0;
  let running = 0;
  for (const shard of run.shards) {
    const name = shardRecordName(run.pass, shard);
    const stored = await records.read<ShardRecord>(name);
    if (stored?.value.passId === run.passId) {
      const record = stored.value;
      if (record.status !== 'running') continue;
      running += 1;
      if (clock.now() - Math.max(record.updatedAt, record.dueAt) < stalledMs) continue;
      stalled += 1;
      queued += 1;
      await queue.send(messageOf(record));
      continue;
    }
    const fresh = newShard(run, shard, kinds[run.pass].empty(), clock.now());
    running += 1;
    if ((await records.write(name, fresh, stored?.etag)) === undefined) continue;
    queued += 1;
    await queue.send(messageOf(fresh));
  }
  return { queued, stalled, running };
}
