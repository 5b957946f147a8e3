import { app } from '@azure/functions';
import type { Triggers } from '../job';
import { type AppSource, runJob } from './run-job';

/** Loads and fills again a batch of entries. */
export function registerRefreshEntries(source: AppSource, { refreshEntries }: Triggers): void {
  app.storageQueue('refreshEntries', {
    ...refreshEntries,
    connection: 'AzureWebJobsStorage',
    handler: (message, context) => runJob(source, 'refreshEntries', context, (it) => it.refreshEntries(message)),
  });
}
