import { app } from '@azure/functions';
import { type AppSource, runJob, tickOf } from './run-job';
import type { Triggers } from './triggers';

/** One sample a node, each minute at :00. */
export function registerCollectMetrics(source: AppSource, { COLLECT_METRICS_SCHEDULE }: Triggers): void {
  app.timer('collectMetrics', {
    schedule: COLLECT_METRICS_SCHEDULE,
    handler: (timer, context) => runJob(source, 'collectMetrics', context, (it) => it.collectMetrics(tickOf(timer))),
  });
}
