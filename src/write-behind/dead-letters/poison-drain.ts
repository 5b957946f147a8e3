import type { DequeuedMessageItem } from '@azure/storage-queue';
import type { JobReport } from '../../job';
import type { Logger } from '../../logger';
import type { Counters } from '../../redis/counters';
import type { StorageClients } from '../../storage/clients';
import { toMessageBody } from '../../storage/queues';
import type { JournalConsumer } from '../journal/journal';
import { decodeMessage, encodeMessage, encodeRow, fromBase64 } from '../journal/journal-message';
import { type PutAsidePorts, putAside, putUndecodableAside } from './put-aside';

export interface PoisonDrainOptions extends PutAsidePorts {
  readonly storage: StorageClients;
  readonly journal: JournalConsumer;
  /** Queue names without `-poison`. */
  readonly queues: {
    readonly writeBehind: string;
    /** Queues whose messages a timer makes again. Their poison messages are logged, counted and deleted. */
    readonly others: readonly string[];
  };
  readonly counters: Counters;
  readonly logger: Logger;
}

const POISON = '-poison';
const PAGE = 32;
/** Long enough for a page. After a killed run its messages are visible again after this time. */
const VISIBILITY_SECONDS = 120;
/** The most messages that a run takes from one queue, so that it ends well before the host's time-out. */
const RUN_MESSAGES = 2_000;

/**
 * Empties the poison queues. A function bound to a poison queue gets no retries, and messages expire there after 7 days.
 * A journal message is appended again once, with one row per message, because five killed invocations do not prove that
 * its rows are bad. If it comes back, or cannot be decoded, it becomes dead letters. Only then is it deleted.
 */
export function createPoisonDrain(options: PoisonDrainOptions): { drain(): Promise<JobReport> } {
  const { storage, journal, deadLetters, queues, counters, logger } = options;

  async function writeBehind(text: string, dequeued: number): Promise<'again' | 'dead'> {
    const decoded = decodeMessage(text);
    const error = 'The host gave up on it after five deliveries: each one was killed or could not put it back';
    if (decoded.kind === 'newer') {
      await journal.put(toMessageBody(text), 0);
      return 'again';
    }
    await putUndecodableAside(deadLetters, decoded, dequeued);
    if (decoded.kind === 'undecodable') return 'dead';

    const { rows, ...header } = decoded.message;
    for (const row of rows) {
      if (!header.drained) {
        await journal.put(encodeMessage({ ...header, drained: true }, [encodeRow(row)]), 0);
        continue;
      }
      await putAside(options, row, { reason: 'poison', error, attempts: header.attempts + 1 });
    }
    return header.drained ? 'dead' : 'again';
  }

  async function drainQueue(name: string, take: (item: DequeuedMessageItem) => Promise<void>): Promise<void> {
    const queue = await storage.queue(`${name}${POISON}`);
    for (let taken = 0; taken < RUN_MESSAGES; ) {
      const page = await queue.receiveMessages({ numberOfMessages: PAGE, visibilityTimeout: VISIBILITY_SECONDS });
      let failure: { readonly error: unknown } | undefined;
      for (const item of page.receivedMessageItems) {
        try {
          await take(item);
          await queue.deleteMessage(item.messageId, item.popReceipt);
          counters.add('poison_drained', { queue: name });
        } catch (error) {
          // It stays for the next run. The messages behind it are still handled in this one.
          failure ??= { error };
        }
      }
      if (failure) throw failure.error;
      taken += page.receivedMessageItems.length;
      if (page.receivedMessageItems.length === 0) return;
    }
  }

  return {
    async drain() {
      const figures = { again: 0, dead: 0, dropped: 0 };
      await drainQueue(queues.writeBehind, async ({ messageText, dequeueCount }) => {
        figures[await writeBehind(fromBase64(messageText), dequeueCount)]++;
      });
      for (const name of queues.others) {
        await drainQueue(name, async ({ insertedOn }) => {
          const message = 'dropped a poison message; its timer makes a new one';
          logger.warn({ queue: name, insertedOn: insertedOn.toISOString() }, message);
          figures.dropped++;
        });
      }
      const { again, dead, dropped } = figures;
      const summary =
        again + dead + dropped === 0
          ? 'no poison messages'
          : `${again} poison messages journalled again, ${dead} put aside, ${dropped} of other queues dropped`;
      return { summary, figures };
    },
  };
}
