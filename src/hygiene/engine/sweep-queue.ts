import type { StorageClients } from '../../storage/clients';
import type { SweepQueue } from '../ports';

/** The longest a message can be kept back is seven days. */
const MAX_DELAY_SECONDS = 7 * 86_400 - 60;

export function storageSweepQueue(storage: StorageClients, name: string): SweepQueue {
  return {
    async send(message, delaySeconds = 0) {
      const queue = await storage.queue(name);
      const text = Buffer.from(JSON.stringify(message)).toString('base64');
      await queue.sendMessage(text, {
        visibilityTimeout: Math.min(delaySeconds, MAX_DELAY_SECONDS),
        messageTimeToLive: -1,
      });
    },
  };
}
