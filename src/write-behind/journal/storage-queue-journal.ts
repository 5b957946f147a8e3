import { setTimeout as pause } from 'node:timers/promises';
import type { Journal, JournalWrite } from '../../cache/ports';
import type { Clock } from '../../clock';
import { coerceError, errorCode } from '../../errors';
import type { Logger } from '../../logger';
import type { Counters } from '../../redis/counters';
import type { Settings } from '../../settings';
import type { StorageClients } from '../../storage/clients';
import { WriteRefusedError, WriteUnknownError } from '../errors';
import { createClaimStore } from './claim-check';
import { GroupCommit } from './group-commit';
import { inTime } from './in-time';
import { type JournalConsumer, ROW_BYTES } from './journal';
import { decodeMessage, encodeMessage, encodeRow, fromBase64, type JournalRow } from './journal-message';
import { sendFailure } from './send-failure';

export type JournalSettings = Pick<
  Settings,
  | 'WRITE_BEHIND_QUEUE'
  | 'WRITE_BEHIND_MESSAGES_PER_SECOND'
  | 'WRITE_BEHIND_BUFFER_BYTES'
  | 'WRITE_BEHIND_APPEND_TIMEOUT_MS'
  | 'WRITE_BEHIND_MAX_VALUE_BYTES'
>;

export interface StorageQueueJournalOptions {
  readonly storage: StorageClients;
  readonly settings: JournalSettings;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly counters: Counters;
}

/** The error in one line, for messages that are read without their cause. */
const reason = (error: unknown) => coerceError(error).message.split('\n')[0] || errorCode(error);

/** Without it, a message expires after seven days. */
const NEVER_EXPIRES = -1;

/**
 * The journal on an Azure Storage Queue. Messages are delivered at least once and in any order; the versions make both
 * harmless.
 */
export function createStorageQueueJournal(options: StorageQueueJournalOptions): Journal & JournalConsumer {
  const { storage, settings, logger, counters } = options;
  const timeoutMs = settings.WRITE_BEHIND_APPEND_TIMEOUT_MS;
  const claims = createClaimStore({ storage, logger });
  const group = new GroupCommit({
    messageBytes: ROW_BYTES,
    bufferBytes: settings.WRITE_BEHIND_BUFFER_BYTES,
    messagesPerSecond: settings.WRITE_BEHIND_MESSAGES_PER_SECOND,
    timeoutMs,
    send,
  });

  /** Sends one message, with retries until the deadline. A repeated row is safe, because the fence compares versions. */
  async function send(rows: readonly string[], deadline: number): Promise<void> {
    const body = encodeMessage({ attempts: 0 }, rows);
    let everUnknown = false;
    for (let tries = 0; ; tries++) {
      const left = deadline - performance.now();
      try {
        const queue = await inTime(storage.queue(settings.WRITE_BEHIND_QUEUE, 'once'), left);
        await queue.sendMessage(body, {
          messageTimeToLive: NEVER_EXPIRES,
          abortSignal: AbortSignal.timeout(Math.max(1, Math.ceil(left))),
        });
        counters.add('journal_messages');
        counters.add('journal_writes', {}, rows.length);
        return;
      } catch (error) {
        const failure = sendFailure(error);
        everUnknown ||= !failure.certain;
        const waitMs = Math.min(1_000, 50 * 2 ** tries);
        if (failure.repeatable && performance.now() + waitMs < deadline) {
          await pause(waitMs);
          continue;
        }
        counters.add(everUnknown ? 'journal_unknown' : 'journal_refused', {}, rows.length);
        const isOne = rows.length === 1;
        const fate = everUnknown ? 'may have been queued' : `${isOne ? 'was' : 'were'} not queued`;
        const writes = isOne ? '1 write; it' : `${rows.length} writes; they`;
        const message = `Storage Queue did not take ${writes} ${fate}`;
        logger.warn({ rows: rows.length, unknown: everUnknown, code: errorCode(error), error: reason(error) }, message);
        throw everUnknown
          ? new WriteUnknownError(
              `Storage Queue did not answer within ${timeoutMs} ms; the write may have been queued. Retry with the same version.`,
              { cause: error },
            )
          : new WriteRefusedError(`The write was not queued: ${reason(error)}`, { cause: error });
      }
    }
  }

  let uploading = 0;

  /** Moves the row's value to a blob. After a failure here the write is certainly not in the queue. */
  async function claimed(row: JournalRow & { value: string }, bytes: number): Promise<string> {
    // There is always room for one value of the largest size.
    const most = settings.WRITE_BEHIND_BUFFER_BYTES + settings.WRITE_BEHIND_MAX_VALUE_BYTES;
    if (uploading + bytes > most) {
      counters.add('journal_refused');
      throw new WriteRefusedError(
        `More than ${most} bytes of large values are being uploaded, so the write was not queued. Slow the callers down.`,
      );
    }
    uploading += bytes;
    try {
      const kept = claims.keep(row.key, row.version, row.value, AbortSignal.timeout(timeoutMs));
      const value = await inTime(kept, timeoutMs);
      return encodeRow({ ...row, value });
    } catch (error) {
      counters.add('journal_refused');
      throw new WriteRefusedError(
        `The write was not queued, because its large value was not stored: ${reason(error)}`,
        { cause: error },
      );
    } finally {
      uploading -= bytes;
    }
  }

  return {
    async append(write: JournalWrite) {
      const { key, version, value, acceptedAt } = write;
      const size = value === null ? 0 : Buffer.byteLength(value);
      if (size > settings.WRITE_BEHIND_MAX_VALUE_BYTES) {
        throw new WriteRefusedError(
          `Expected a value of at most ${settings.WRITE_BEHIND_MAX_VALUE_BYTES} bytes (WRITE_BEHIND_MAX_VALUE_BYTES), got ${size}`,
        );
      }
      const row = { key, version, value, acceptedAt };
      let text = encodeRow(row);
      if (value !== null && Buffer.byteLength(text) > ROW_BYTES) text = await claimed({ ...row, value }, size);
      await group.add(text, Buffer.byteLength(text));
      return undefined;
    },

    close: () => group.close(),

    async put(body, delayMs) {
      const queue = await storage.queue(settings.WRITE_BEHIND_QUEUE);
      await queue.sendMessage(body, {
        messageTimeToLive: NEVER_EXPIRES,
        visibilityTimeout: Math.max(0, Math.round(delayMs / 1_000)),
      });
    },

    async receive(most, hiddenSeconds) {
      const queue = await storage.queue(settings.WRITE_BEHIND_QUEUE);
      const page = await queue.receiveMessages({ numberOfMessages: most, visibilityTimeout: hiddenSeconds });
      return page.receivedMessageItems.map(({ messageText, dequeueCount, messageId, popReceipt }) => ({
        text: fromBase64(messageText),
        dequeueCount,
        done: () => queue.deleteMessage(messageId, popReceipt).then(() => {}, ignoreIfTakenAgain),
      }));
    },

    readClaim: (claim) => claims.read(claim),
    dropClaims: (dropped) => claims.drop(dropped),

    async depth() {
      const queue = await storage.queue(settings.WRITE_BEHIND_QUEUE);
      return (await queue.getProperties()).approximateMessagesCount ?? 0;
    },

    async oldest() {
      const queue = await storage.queue(settings.WRITE_BEHIND_QUEUE);
      const { peekedMessageItems } = await queue.peekMessages({ numberOfMessages: 8 });
      const accepted = peekedMessageItems.flatMap(({ messageText }) => {
        const decoded = decodeMessage(fromBase64(messageText));
        return decoded.kind === 'rows' ? decoded.message.rows.map((row) => row.acceptedAt) : [];
      });
      return accepted.length === 0 ? undefined : Math.min(...accepted);
    },
  };
}

/** The hidden time is over and another receiver has the message, or has deleted it. That receiver finishes it. */
function ignoreIfTakenAgain(error: unknown): void {
  const { code } = error as { code?: unknown };
  if (code !== 'MessageNotFound' && code !== 'PopReceiptMismatch') throw error;
}
