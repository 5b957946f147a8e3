import type { DequeuedMessageItem } from '@azure/storage-queue';
import type { Fence } from '../../cache/write/fence';
import { entityOf } from '../../entities/key';
import type { JobReport } from '../../job';
import type { Logger } from '../../logger';
import type { Counters } from '../../redis/counters';
import type { StorageClients } from '../../storage/clients';
import type { JournalConsumer } from '../journal/journal';
import { decodeMessage, encodeMessage, encodeRow, fromBase64 } from '../journal/journal-message';
import type { DeadLetters } from './dead-letter-store';

export interface PoisonDrainOptions {
  readonly storage: StorageClients;
  readonly journal: JournalConsumer;
  readonly deadLetters: Pick<DeadLetters, 'put'>;
  readonly fence: Pick<Fence, 'discard'>;
  /** Names without `-poison`. */
  readonly queues: {
    readonly writeBehind: string;
    /** Queues whose messages a timer makes again: what poison they have is logged, counted and deleted. */
    readonly others: readonly string[];
  };
  readonly counters: Counters;
  readonly logger: Logger;
}

const POISON = '-poison';
const PAGE = 32;
/** Long enough for a page; what a killed run had taken is back after it. */
const VISIBILITY_SECONDS = 120;
/** Messages a run takes of a queue, so that it ends well before the host's time-out. */
const RUN_MESSAGES = 2_000;

/**
 * Empties the poison queues: a function bound to one has no second chance, and what lies there expires after 7 days.
 * A journal message is appended again once, one row a message, since five killed invocations prove nothing against its
 * rows; what comes back, or can't be decoded, becomes dead letters. Only then is it deleted there.
 */
export function createPoisonDrain(options: PoisonDrainOptions): { drain(): Promise<JobReport> } {
  const { storage, journal, deadLetters, fence, queues, counters, logger } = options;

  async function writeBehind(text: string, dequeued: number): Promise<'again' | 'dead'> {
    const decoded = decodeMessage(text);
    const error = 'Invocations were killed on it, or could not put it back, as often as the host allows';
    if (decoded.kind === 'newer') {
      await journal.put(Buffer.from(text, 'utf8').toString('base64'), 0);
      return 'again';
    }
    const undecodable = decoded.kind === 'undecodable' ? [decoded.undecodable] : decoded.undecodable;
    for (const { raw, reason } of undecodable) {
      await deadLetters.put({
        ...{ kind: 'message', reason: 'undecodable', attempts: dequeued, payload: raw },
        error: `Expected a journal message, got ${reason}`,
      });
    }
    if (decoded.kind === 'undecodable') return 'dead';

    const { rows, ...header } = decoded.message;
    for (const row of rows) {
      if (!header.drained) {
        await journal.put(encodeMessage({ ...header, drained: true }, [encodeRow(row)]), 0);
        continue;
      }
      const { key, version, acceptedAt, value } = row;
      const payload = typeof value === 'object' && value !== null ? await journal.readClaim(value) : value;
      await deadLetters.put({
        ...{ kind: 'write', entity: entityOf(key), key, version, acceptedAt, payload },
        ...{ reason: 'poison', error, attempts: header.attempts + 1 },
      });
      await fence.discard(key, version);
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
          // It stays for the next run; those behind it need not wait for that.
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
          logger.warn(
            { queue: name, insertedOn: insertedOn.toISOString() },
            'poison message dropped: its timer makes another',
          );
          figures.dropped++;
        });
      }
      const { again, dead, dropped } = figures;
      const summary =
        again + dead + dropped === 0
          ? 'no poison'
          : `${again} poison messages journalled again, ${dead} put aside, ${dropped} of other queues dropped`;
      return { summary, figures };
    },
  };
}
