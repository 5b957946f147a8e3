import type { StorageClients } from '../../storage/clients';
import type { GroupMessage } from './alert-message';
import type { Receiver } from './webhook';

/** Raw bytes that a queue's message holds: 64 KiB after base64. */
const MOST_BYTES = 49_152;

/** A storage queue that gets every message, for tools of one's own. Messages there live for 7 days. */
export function createQueueReceiver(options: { readonly storage: StorageClients; readonly queue: string }): Receiver {
  return {
    name: 'queue',
    deliver: async (message) => {
      const queue = await options.storage.queue(options.queue);
      await queue.sendMessage(Buffer.from(fitting(message)).toString('base64'));
    },
  };
}

/** Lists fewer alerts where the queue would refuse the message for its size, now and at every repetition. */
function fitting(message: GroupMessage): string {
  const text = JSON.stringify(message);
  if (Buffer.byteLength(text) <= MOST_BYTES || message.alerts.length === 0) return text;
  return fitting({ ...message, alerts: message.alerts.slice(0, -1), truncatedAlerts: message.truncatedAlerts + 1 });
}
