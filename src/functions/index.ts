import { app } from '@azure/functions';
import type { App } from '../app';
import type { EntitiesSource } from '../client';
import { triggersOf } from '../job';
import { registerCollectMetrics } from './collect-metrics';
import { contextLogger } from './context-logger';
import { registerDashboard, registerDashboardActions } from './dashboard';
import { registerDrainPoison } from './drain-poison';
import { registerEvaluateAlerts } from './evaluate-alerts';
import { registerFlushWrites } from './flush-writes';
import { registerHealth, registerHealthDetail } from './health';
import { registerMetrics } from './metrics';
import { registerNotifyAlerts } from './notify-alerts';
import { registerPlanRefreshes } from './plan-refreshes';
import { registerPlanSweep } from './plan-sweep';
import { registerRefreshEntries } from './refresh-entries';
import { registerReportPerformance } from './report-performance';
import { registerSelfCheck } from './self-check';
import { sickHealth, startApp } from './start-app';
import { registerSweepShard } from './sweep-shard';

export interface RegisterJobsOptions {
  /** The entities of your app, or a function that makes them from what the app has (its database pool, for one). */
  readonly entities: EntitiesSource;
}

/**
 * Registers every job and endpoint with the Functions runtime. Call it once, at the top level of the entry point.
 * Settings are read and checked at once; nothing connects before the first invocation. Never throws: with a fault,
 * `health` says so, timers and endpoints fail with it, and the functions of queues are not registered, so that their
 * messages wait. Five failures would put them on the poison queue.
 */
export function registerJobs({ entities }: RegisterJobsOptions): void {
  const { settings, result } = startApp(entities, contextLogger);
  const source = (): App => {
    if ('fault' in result) throw result.fault;
    return result.app;
  };
  const triggers = triggersOf(settings);
  for (const register of [
    registerDrainPoison,
    registerPlanRefreshes,
    registerPlanSweep,
    registerCollectMetrics,
    registerEvaluateAlerts,
    registerReportPerformance,
  ]) {
    register(source, triggers);
  }
  for (const register of [registerDashboard, registerDashboardActions, registerMetrics, registerSelfCheck]) {
    register(source);
  }
  const health = 'fault' in result ? () => sickHealth(result.fault) : source;
  registerHealth(health);
  registerHealthDetail(health);
  if ('fault' in result) return;
  for (const register of [registerFlushWrites, registerRefreshEntries, registerSweepShard, registerNotifyAlerts]) {
    register(source, triggers);
  }
  app.hook.appTerminate(() => result.app.close());
}
