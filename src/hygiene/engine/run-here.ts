import { setTimeout as sleep } from 'node:timers/promises';
import { type Clock, systemClock } from '../../clock';
import { type Entities, entityRegistry } from '../../entities/registry';
import type { Glob, RedisHandle } from '../../redis';
import { memoryJsonBlobs } from '../../storage/json-blobs';
import type { SweepQueue } from '../ports';
import { readProgress, type SweepProgress } from '../records/sweep-progress';
import type { SweepMessage, SweepName, SweepSummary } from '../records/sweep-record';
import { sweepDeps } from '../sweep-deps';
import { finishSweep } from './finish-sweep';
import { queueShards, startSweep } from './plan-sweeps';
import type { HygieneSettings } from './sweep-kinds';
import { runWorkItem, type WorkItemResult } from './work-item';

export interface LocalRunOptions {
  readonly redis: RedisHandle;
  readonly settings: HygieneSettings;
  readonly sweep: SweepName;
  readonly dryRun: boolean;
  /** For reclaim: their prefixes and tags count. Default: none. */
  readonly entities?: Entities;
  /** For reclaim: declared prefixes besides those of entities. Default: none. */
  readonly prefixes?: readonly string[];
  /** Only keys that match are handled; for sessions it says which keys are sessions. Default: no such limit. */
  readonly only?: Glob;
  /** Called about twice a second during the run. */
  readonly onProgress?: (progress: SweepProgress) => void;
  /** Called after each work item. */
  readonly onWorkItem?: (result: WorkItemResult) => void;
  readonly clock?: Clock;
}

const PROGRESS_MS = 500;

/** Runs a sweep in this process alone: no storage, no queue, all shards at once. For the command line. */
export async function runSweepHere(options: LocalRunOptions): Promise<SweepSummary> {
  const { redis, settings, sweep, dryRun, onProgress, onWorkItem, clock = systemClock } = options;
  const { entities = entityRegistry([]), prefixes = [], only } = options;
  const waiting: { message: SweepMessage; delaySeconds: number }[] = [];
  const queue: SweepQueue = {
    async send(message, delaySeconds = 0) {
      waiting.push({ message, delaySeconds });
    },
  };
  const records = memoryJsonBlobs();
  const common = { redis, settings, entities, prefixes, only, clock };
  const deps = sweepDeps({ ...common, records, queue, saveEveryMs: PROGRESS_MS });
  const run = await startSweep(sweep, { dryRun, startedAt: clock.now() }, deps);
  if (!run) throw new Error('a new record store already holds a run');
  await queueShards(run, deps, Number.POSITIVE_INFINITY);
  const report = onProgress && (async () => (await readProgress(deps.records, clock)).forEach(onProgress));
  const timer = report && setInterval(() => void report(), PROGRESS_MS);
  try {
    for (;;) {
      await Promise.all(
        waiting.splice(0).map(async ({ message, delaySeconds }) => {
          if (delaySeconds > 0) await sleep(delaySeconds * 1_000);
          const result = await runWorkItem(message, deps);
          onWorkItem?.(result);
        }),
      );
      const finish = await finishSweep(sweep, deps);
      if (finish.outcome !== 'closed' || !finish.record.last) continue;
      await report?.();
      return finish.record.last;
    }
  } finally {
    clearInterval(timer);
  }
}
