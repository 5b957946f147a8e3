import { randomUUID } from 'node:crypto';
import { MINUTE } from '../../clock';
import { passRecordName, shardRecordName } from '../records/record-names';
import { PASSES, type PassName, type PassRecord, type ShardRecord } from '../records/sweep-record';
import { closePass } from './finish-sweep';
import { messageOf, newShard } from './shard-state';
import type { SliceDeps } from './work-item';

export interface PlanOptions {
  /** Time from the start of one run to the start of the next, in ms; 0 means never. */
  readonly everyMs: Readonly<Record<PassName, number>>;
  /** A running shard that has not been heard of for so long is queued anew, in ms. */
  readonly stalledMs: number;
  /** Runs report, and change nothing. */
  readonly dryRun: boolean;
}

export interface PlanResult {
  readonly started: readonly PassName[];
  /** Shards queued: new ones, and stalled ones again. */
  readonly queued: number;
  readonly stalled: number;
  readonly closed: readonly PassName[];
}

/** A timer fires a little early or late; a pass that is due in a moment is due. */
const SLACK = 5 * MINUTE;

/** Starts what is due, and takes up again whatever a crash left lying. Runs of the planner may overlap. */
export async function plan(at: Date, deps: SliceDeps, options: PlanOptions): Promise<PlanResult> {
  const started: PassName[] = [];
  const closed: PassName[] = [];
  let queued = 0;
  let stalled = 0;
  if (deps.quiet.leftMs(deps.clock.now()) > 0) return { started, queued, stalled, closed };
  for (const pass of PASSES) {
    const stored = await deps.records.read<PassRecord>(passRecordName(pass));
    if (stored?.value.status === 'running') {
      const resumed = await queueShards(stored.value, deps, options.stalledMs);
      queued += resumed.queued;
      stalled += resumed.stalled;
      if (resumed.running === 0 && (await closePass(pass, deps)).outcome === 'closed') closed.push(pass);
      continue;
    }
    const everyMs = options.everyMs[pass];
    if (everyMs <= 0 || (stored && at.getTime() - stored.value.startedAt < everyMs - SLACK)) continue;
    const run = await startPass(pass, { dryRun: options.dryRun, startedAt: at.getTime() }, deps, stored);
    if (!run) continue;
    started.push(pass);
    queued += (await queueShards(run, deps, options.stalledMs)).queued;
  }
  return { started, queued, stalled, closed };
}

/** Begins a run over the shards there are now; undefined when another process began one first. */
export async function startPass(
  pass: PassName,
  { dryRun, startedAt }: { readonly dryRun: boolean; readonly startedAt: number },
  deps: Pick<SliceDeps, 'records' | 'shards'>,
  stored?: { readonly value: PassRecord; readonly etag: string },
): Promise<PassRecord | undefined> {
  const run: PassRecord = {
    format: 1,
    pass,
    passId: randomUUID(),
    status: 'running',
    dryRun,
    shards: await deps.shards.shards(pass),
    startedAt,
    ...(stored?.value.last ? { last: stored.value.last } : {}),
    history: stored?.value.history ?? [],
  };
  const etag = await deps.records.write(passRecordName(pass), run, stored?.etag);
  return etag === undefined ? undefined : run;
}

/** Makes the records that are missing, and queues every shard that nobody seems to be working on. */
export async function queueShards(
  run: PassRecord,
  deps: Pick<SliceDeps, 'records' | 'queue' | 'kinds' | 'clock'>,
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
