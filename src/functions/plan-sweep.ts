import { app } from '@azure/functions';
import { type AppSource, runJob, tickOf } from './run-job';
import type { Triggers } from './triggers';

/** One message a shard for each hygiene pass that is due, hourly. */
export function registerPlanSweep(source: AppSource, { SWEEP_SCHEDULE }: Triggers): void {
  app.timer('planSweep', {
    schedule: SWEEP_SCHEDULE,
    handler: (timer, context) => runJob(source, 'planSweep', context, (it) => it.planSweep(tickOf(timer))),
  });
}
