import { setTimeout as sleep } from 'node:timers/promises';
import { type Clock, systemClock } from '../../clock';
import { type Entities, entityRegistry } from '../../entities/registry';
import type { RedisHandle } from '../../redis';
import type { Glob } from '../../redis/glob';
import type { SweepQueue } from '../ports';
import { memoryRecords } from '../records/memory-records';
import { type PassProgress, readProgress } from '../records/sweep-progress';
import type { PassName, PassSummary, SweepMessage } from '../records/sweep-record';
import { type HygieneSettings, sliceOptions } from '../sweep-deps';
import { quietHours } from '../throttle/quiet-hours';
import { closePass } from './finish-sweep';
import { queueShards, startPass } from './plan-sweeps';
import { redisShards } from './shard-source';
import { PAGE_DEADLINE_MS, passKinds, passWork } from './sweep-kinds';
import { runSlice, type SliceDeps, type SliceResult } from './work-item';

export interface LocalRunOptions {
  readonly redis: RedisHandle;
  readonly settings: HygieneSettings;
  readonly pass: PassName;
  readonly dryRun: boolean;
  /** For reclaim: whose prefixes and tags count. Default: none. */
  readonly entities?: Entities;
  /** For reclaim: declared prefixes besides those of entities. Default: none. */
  readonly prefixes?: readonly string[];
  /** Only keys that match are looked at; for sessions it says which keys are sessions. Default: no such limit. */
  readonly only?: Glob;
  /** Called about twice a second while the run lasts. */
  readonly onProgress?: (progress: PassProgress) => void;
  /** Called after each slice. */
  readonly onSlice?: (result: SliceResult) => void;
  readonly clock?: Clock;
}

const PROGRESS_MS = 500;

/** One run of a pass in this process alone: no storage, no queue, all shards at once. For the command line. */
export async function runPassHere(options: LocalRunOptions): Promise<PassSummary> {
  const { redis, settings, pass, dryRun, onProgress, onSlice, clock = systemClock } = options;
  const { entities = entityRegistry([]), prefixes = [], only } = options;
  const waiting: { message: SweepMessage; delaySeconds: number }[] = [];
  const queue: SweepQueue = {
    async send(message, delaySeconds = 0) {
      waiting.push({ message, delaySeconds });
    },
  };
  const deps: SliceDeps = {
    records: memoryRecords(),
    queue,
    shards: redisShards({
      redis,
      work: passWork({ redis, settings, entities, prefixes, only, clock, deadlineMs: PAGE_DEADLINE_MS }),
      way: settings.SWEEP_PAGES,
      deadlineMs: PAGE_DEADLINE_MS,
    }),
    kinds: passKinds,
    quiet: quietHours(settings.SWEEP_QUIET_HOURS, settings.SWEEP_TIME_ZONE),
    clock,
    options: { ...sliceOptions(settings), saveEveryMs: PROGRESS_MS },
  };
  const run = await startPass(pass, { dryRun, startedAt: clock.now() }, deps);
  if (!run) throw new Error('a fresh store of records holds a run');
  await queueShards(run, deps, Number.POSITIVE_INFINITY);
  const tell = onProgress && (async () => (await readProgress(deps.records, clock)).forEach(onProgress));
  const timer = tell && setInterval(() => void tell(), PROGRESS_MS);
  try {
    for (;;) {
      await Promise.all(
        waiting.splice(0).map(async ({ message, delaySeconds }) => {
          if (delaySeconds > 0) await sleep(delaySeconds * 1_000);
          const result = await runSlice(message, deps);
          onSlice?.(result);
        }),
      );
      const closing = await closePass(pass, deps);
      if (closing.outcome !== 'closed' || !closing.pass.last) continue;
      await tell?.();
      return closing.pass.last;
    }
  } finally {
    clearInterval(timer);
  }
}
