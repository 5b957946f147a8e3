import type { InvocationContext } from '@azure/functions';
import { onMessage } from './run-job';

/** Saves a batch of journalled writes to their entity stores. */
export const registerFlushWrites = onMessage('flushWrites', (it, message, context) =>
  it.flushWrites(message, delivery(context)),
);

/** The host's own words of the delivery. Our messages never use these names, so that they are never shadowed. */
function delivery({ triggerMetadata }: InvocationContext): { dequeueCount: number; insertionTime?: Date } {
  const count = Number(triggerMetadata?.dequeueCount ?? 1);
  const inserted = triggerMetadata?.insertionTime;
  return {
    dequeueCount: Number.isFinite(count) ? count : 1,
    ...(typeof inserted === 'string' ? { insertionTime: new Date(inserted) } : {}),
  };
}
