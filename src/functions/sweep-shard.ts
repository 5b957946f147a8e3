import { app } from '@azure/functions';
import type { Triggers } from '../job';
import { type AppSource, runJob } from './run-job';

/** Runs one work item of a sweep and queues the next. */
export function registerSweepShard(source: AppSource, { sweepShard }: Triggers): void {
  app.storageQueue('sweepShard', {
    ...sweepShard,
    connection: 'AzureWebJobsStorage',
    handler: (message, context) => runJob(source, 'sweepShard', context, (it) => it.sweepShard(message)),
  });
}
