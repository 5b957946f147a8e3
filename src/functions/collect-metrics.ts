import { app } from '@azure/functions';
import type { Triggers } from '../job';
import { type AppSource, runJob, tickOf } from './run-job';

/** One sample a node, each minute at :00. */
export function registerCollectMetrics(source: AppSource, { collectMetrics }: Triggers): void {
  app.timer('collectMetrics', {
    ...collectMetrics,
    handler: (timer, context) => runJob(source, 'collectMetrics', context, (it) => it.collectMetrics(tickOf(timer))),
  });
}
