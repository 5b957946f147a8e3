import { app } from '@azure/functions';
import { type AppSource, runJob } from './run-job';
import type { Triggers } from './triggers';

/** Loads and fills again a batch of entries. */
export function registerRefreshEntries(source: AppSource, { REFRESH_AHEAD_QUEUE }: Triggers): void {
  app.storageQueue('refreshEntries', {
    queueName: REFRESH_AHEAD_QUEUE,
    connection: 'AzureWebJobsStorage',
    handler: (message, context) => runJob(source, 'refreshEntries', context, (it) => it.refreshEntries(message)),
  });
}
