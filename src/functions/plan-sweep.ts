import { app } from '@azure/functions';
import type { Triggers } from '../job';
import { type AppSource, runJob, tickOf } from './run-job';

/** Queues one work item a shard for each sweep that is due, hourly. */
export function registerPlanSweep(source: AppSource, { planSweep }: Triggers): void {
  app.timer('planSweep', {
    ...planSweep,
    handler: (timer, context) => runJob(source, 'planSweep', context, (it) => it.planSweep(tickOf(timer))),
  });
}
