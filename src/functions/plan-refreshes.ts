import { app } from '@azure/functions';
import type { Triggers } from '../job';
import { type AppSource, runJob, tickOf } from './run-job';

/** Claims hot entries that are due and queues them, each minute. */
export function registerPlanRefreshes(source: AppSource, { planRefreshes }: Triggers): void {
  app.timer('planRefreshes', {
    ...planRefreshes,
    handler: (timer, context) => runJob(source, 'planRefreshes', context, (it) => it.planRefreshes(tickOf(timer))),
  });
}
