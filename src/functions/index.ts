import { app } from '@azure/functions';
import { type App, createApp } from '../app';
import type { EntitiesSource } from '../client';
import { readSettings } from '../settings';
import { registerCollectMetrics } from './collect-metrics';
import { contextLogger } from './context-logger';
import { registerDashboard, registerDashboardActions } from './dashboard';
import { registerDrainPoison } from './drain-poison';
import { registerEvaluateAlerts } from './evaluate-alerts';
import { registerFlushWrites } from './flush-writes';
import { registerHealth } from './health';
import { registerMetrics } from './metrics';
import { registerNotifyAlerts } from './notify-alerts';
import { registerPlanRefreshes } from './plan-refreshes';
import { registerPlanSweep } from './plan-sweep';
import { registerRefreshEntries } from './refresh-entries';
import { registerReportPerformance } from './report-performance';
import { registerSelfCheck } from './self-check';
import { registerSweepShard } from './sweep-shard';

export interface RegisterJobsOptions {
  /** The entities of your app, or a function that makes them from what the app has (its database pool, for one). */
  readonly entities: EntitiesSource;
}

/**
 * Registers every job and endpoint with the Functions runtime. Call it once, at the top level of the entry point.
 * Settings are read and checked at once, so that a wrong deployment stops with one message; nothing connects before
 * the first invocation. Throws `E_SETTINGS`.
 */
export function registerJobs({ entities }: RegisterJobsOptions): void {
  const settings = readSettings();
  let made: App | undefined;
  const source = (): App => {
    made ??= createApp({ settings, entities, logger: contextLogger });
    return made;
  };
  for (const register of [
    registerFlushWrites,
    registerDrainPoison,
    registerPlanRefreshes,
    registerRefreshEntries,
    registerPlanSweep,
    registerSweepShard,
    registerCollectMetrics,
    registerEvaluateAlerts,
    registerNotifyAlerts,
    registerReportPerformance,
    registerDashboard,
    registerDashboardActions,
    registerHealth,
    registerMetrics,
    registerSelfCheck,
  ]) {
    register(source, settings);
  }
  app.hook.appTerminate(async () => {
    await made?.close();
  });
}
