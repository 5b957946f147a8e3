import { app } from '@azure/functions';
import { type AppSource, runJob } from './run-job';
import type { Triggers } from './triggers';

/** One budgeted slice of a hygiene pass; queues its own continuation. */
export function registerSweepShard(source: AppSource, { SWEEP_QUEUE }: Triggers): void {
  app.storageQueue('sweepShard', {
    queueName: SWEEP_QUEUE,
    connection: 'AzureWebJobsStorage',
    handler: (message, context) => runJob(source, 'sweepShard', context, (it) => it.sweepShard(message)),
  });
}
