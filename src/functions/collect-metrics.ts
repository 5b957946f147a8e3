import { app } from '@azure/functions';
import { type AppSource, runJob, tickOf } from './run-job';

/** One sample a node, each minute at :00. */
export function registerCollectMetrics(source: AppSource): void {
  app.timer('collectMetrics', {
    schedule: '%COLLECT_METRICS_SCHEDULE%',
    handler: (timer, context) => runJob(source, 'collectMetrics', context, (it) => it.collectMetrics(tickOf(timer))),
  });
}
