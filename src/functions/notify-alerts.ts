import { app } from '@azure/functions';
import type { Triggers } from '../job';
import { type AppSource, runJob } from './run-job';

/** Reads the alert state and sends the pending notification of a group of alerts, if there is one. */
export function registerNotifyAlerts(source: AppSource, { notifyAlerts }: Triggers): void {
  app.storageQueue('notifyAlerts', {
    ...notifyAlerts,
    connection: 'AzureWebJobsStorage',
    handler: (message, context) => runJob(source, 'notifyAlerts', context, (it) => it.notifyAlerts(message)),
  });
}
