import { HOUR, MINUTE, SECOND } from '../clock';
import type { PlanOptions } from './engine/plan-sweeps';
import { redisShards } from './engine/shard-source';
import { type HygieneSettings, type NodeSweepOptions, nodeSweeps, sweepKinds } from './engine/sweep-kinds';
import type { SweepDeps } from './ports';
import { quietHours } from './throttle/quiet-hours';

/** A work item that has died is taken over after this. */
const CLAIM_MS = 30 * SECOND;
/** A shard without news for this long has lost its message. */
const STALLED_MS = 10 * MINUTE;

interface SweepDepsOptions
  extends Omit<NodeSweepOptions, 'deadlineMs'>,
    Pick<SweepDeps, 'records' | 'queue' | 'ending'> {
  /** How often records are saved, in ms. A crash repeats at most this much work. Default: 2 seconds. */
  readonly saveEveryMs?: number;
  /** How long one batch, or one reading of a server's load, may take, in ms. Default: 5 seconds, many times the longest. */
  readonly deadlineMs?: number;
}

/** What the engine needs to sweep one Redis. Throws `E_QUIET_HOURS` if those settings cannot be read. */
export function sweepDeps(options: SweepDepsOptions): SweepDeps {
  const { redis, settings, records, queue, clock, saveEveryMs = 2 * SECOND, deadlineMs = 5 * SECOND } = options;
  return {
    records,
    queue,
    shards: redisShards({
      redis,
      sweeps: nodeSweeps({ ...options, deadlineMs }),
      method: settings.SWEEP_PAGES,
      deadlineMs,
    }),
    kinds: sweepKinds,
    quiet: quietHours(settings.SWEEP_QUIET_HOURS, settings.SWEEP_TIME_ZONE),
    clock,
    ending: options.ending,
    options: {
      budgetMs: settings.SWEEP_SLICE_SECONDS * SECOND,
      saveEveryMs,
      claimMs: CLAIM_MS,
      pauseMs: settings.SWEEP_PAUSE_SECONDS * SECOND,
      maxSweepMs: settings.SWEEP_MAX_HOURS * HOUR,
      limits: {
        maxDuty: settings.SWEEP_DUTY,
        maxEvictionsPerSecond: settings.SWEEP_STOP_EVICTIONS_PER_SECOND,
        maxLatencyMs: settings.SWEEP_STOP_LATENCY_MS,
      },
    },
  };
}

export const planOptions = (settings: HygieneSettings): PlanOptions => ({
  everyMs: {
    sessions: settings.SWEEP_SESSIONS_MINUTES * MINUTE,
    census: settings.SWEEP_CENSUS_MINUTES * MINUTE,
    reclaim: settings.SWEEP_RECLAIM_MINUTES * MINUTE,
  },
  stalledMs: STALLED_MS,
  dryRun: settings.SWEEP_DRY_RUN,
});
