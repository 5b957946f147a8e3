import { app, type InvocationContext } from '@azure/functions';
import type { Triggers } from '../job';
import { type AppSource, runJob } from './run-job';

/** Saves a batch of journalled writes to their entity stores. */
export function registerFlushWrites(source: AppSource, { flushWrites }: Triggers): void {
  app.storageQueue('flushWrites', {
    ...flushWrites,
    connection: 'AzureWebJobsStorage',
    handler: (message, context) =>
      runJob(source, 'flushWrites', context, (it) => it.flushWrites(message, delivery(context))),
  });
}

/** The host's own words of the delivery. Our messages never use these names, so that they are never shadowed. */
function delivery({ triggerMetadata }: InvocationContext): { dequeueCount: number; insertionTime?: Date } {
  const count = Number(triggerMetadata?.dequeueCount ?? 1);
  const inserted = triggerMetadata?.insertionTime;
  return {
    dequeueCount: Number.isFinite(count) ? count : 1,
    ...(typeof inserted === 'string' ? { insertionTime: new Date(inserted) } : {}),
  };
}
