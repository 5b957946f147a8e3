import { app } from '@azure/functions';
import { type AppSource, runJob } from './run-job';
import type { Triggers } from './triggers';

/** Reads the state, decides what is still owed to a group of alerts, delivers it. */
export function registerNotifyAlerts(source: AppSource, { ALERT_QUEUE }: Triggers): void {
  app.storageQueue('notifyAlerts', {
    queueName: ALERT_QUEUE,
    connection: 'AzureWebJobsStorage',
    handler: (message, context) => runJob(source, 'notifyAlerts', context, (it) => it.notifyAlerts(message)),
  });
}
