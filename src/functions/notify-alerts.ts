import { app } from '@azure/functions';
import type { Triggers } from '../job';
import { type AppSource, runJob } from './run-job';

/** Reads the state, decides what is still owed to a group of alerts, delivers it. */
export function registerNotifyAlerts(source: AppSource, { notifyAlerts }: Triggers): void {
  app.storageQueue('notifyAlerts', {
    ...notifyAlerts,
    connection: 'AzureWebJobsStorage',
    handler: (message, context) => runJob(source, 'notifyAlerts', context, (it) => it.notifyAlerts(message)),
  });
}
