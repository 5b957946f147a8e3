import type { QueueSendMessageOptions } from '@azure/storage-queue';
import type { StorageClients } from './clients';

/** Raw bytes that a queue message holds: 64 KiB after base64. */
export const MESSAGE_BYTES = 49_152;

/** The body of a queue message: base64, as the functions host expects it. */
export const toMessageBody = (text: string): string => Buffer.from(text, 'utf8').toString('base64');

/** Sends `text`. It lives for 7 days unless `messageTimeToLive` (seconds, -1: for ever) says otherwise. */
export async function sendText(
  storage: StorageClients,
  queue: string,
  text: string,
  options: QueueSendMessageOptions = {},
): Promise<void> {
  const client = await storage.queue(queue);
  await client.sendMessage(toMessageBody(text), options);
}
