import type { StorageClients } from '../storage/clients';
import type { Receiver } from './webhook';

/** A storage queue that gets every message, for tools of one's own. Messages there live for 7 days. */
export function createQueueReceiver(options: { readonly storage: StorageClients; readonly queue: string }): Receiver {
  return {
    name: 'queue',
    deliver: async (message) => {
      const queue = await options.storage.queue(options.queue);
      await queue.sendMessage(Buffer.from(JSON.stringify(message)).toString('base64'));
    },
  };
}
