import { HOUR, MINUTE, SECOND } from '../clock';
import type { Settings } from '../settings';
import type { PlanOptions } from './engine/plan-sweeps';
import type { SliceOptions } from './engine/work-item';

/** The settings that hygiene needs. */
export type HygieneSettings = Pick<Settings, Extract<keyof Settings, `SWEEP_${string}`>>;

/** Records are saved this often: what a crash repeats, and how soon a busy server is noticed. */
const SAVE_EVERY_MS = 2 * SECOND;
/** A slice that has died is taken over after this. */
const CLAIM_MS = 30 * SECOND;
/** A shard that nobody was heard of for so long has lost its message. */
const STALLED_MS = 10 * MINUTE;

export const sliceOptions = (settings: HygieneSettings): SliceOptions => ({
  budgetMs: settings.SWEEP_SLICE_SECONDS * SECOND,
  saveEveryMs: SAVE_EVERY_MS,
  claimMs: CLAIM_MS,
  pauseMs: settings.SWEEP_PAUSE_SECONDS * SECOND,
  maxPassMs: settings.SWEEP_MAX_HOURS * HOUR,
  limits: {
    maxDuty: settings.SWEEP_DUTY,
    maxEvictionsPerSecond: settings.SWEEP_STOP_EVICTIONS_PER_SECOND,
    maxLatencyMs: settings.SWEEP_STOP_LATENCY_MS,
  },
});

export const planOptions = (settings: HygieneSettings): PlanOptions => ({
  everyMs: {
    sessions: settings.SWEEP_SESSIONS_MINUTES * MINUTE,
    census: settings.SWEEP_CENSUS_MINUTES * MINUTE,
    reclaim: settings.SWEEP_RECLAIM_MINUTES * MINUTE,
  },
  stalledMs: STALLED_MS,
  dryRun: settings.SWEEP_DRY_RUN,
});
