import { app } from '@azure/functions';
import { type AppSource, runJob, tickOf } from './run-job';
import type { Triggers } from './triggers';

/** Claims hot entries that are due and queues them, each minute. */
export function registerPlanRefreshes(source: AppSource, { PLAN_REFRESHES_SCHEDULE }: Triggers): void {
  app.timer('planRefreshes', {
    schedule: PLAN_REFRESHES_SCHEDULE,
    handler: (timer, context) => runJob(source, 'planRefreshes', context, (it) => it.planRefreshes(tickOf(timer))),
  });
}
