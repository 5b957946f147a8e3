import type { StorageClients } from '../../storage/clients';
import { MESSAGE_BYTES, sendText } from '../../storage/queues';
import type { GroupMessage } from './alert-message';
import type { Receiver } from './webhook';

/** A storage queue that gets every message, for tools of one's own. Messages there live for 7 days. */
export function createQueueReceiver(options: { readonly storage: StorageClients; readonly queue: string }): Receiver {
  return {
    name: 'queue',
    deliver: (message) => sendText(options.storage, options.queue, fitting(message)),
  };
}

/** Lists fewer alerts where the queue would refuse the message for its size, now and at every repetition. */
function fitting(message: GroupMessage): string {
  const text = JSON.stringify(message);
  if (Buffer.byteLength(text) <= MESSAGE_BYTES || message.alerts.length === 0) return text;
  return fitting({ ...message, alerts: message.alerts.slice(0, -1), truncatedAlerts: message.truncatedAlerts + 1 });
}
