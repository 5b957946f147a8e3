import type { Journal } from '../cache/ports';
import type { Fence } from '../cache/write/fence';
import { type Clock, SECOND } from '../clock';
import type { Entities } from '../entities/registry';
import type { Version } from '../entities/version';
import { errorCode } from '../errors';
import type { Logger } from '../logger';
import type { Counters } from '../redis/counters';
import type { Settings } from '../settings';
import type { StorageClients } from '../storage/clients';
import { createDeadLetters, type DeadLetters } from './dead-letters/dead-letter-store';
import { drain, type FlushAllOptions, type FlushAllReport } from './flush/flush-all';
import { type FlushKeyOptions, flushKey } from './flush/flush-key';
import { createFlusher, type Flusher } from './flush/flusher';
import { type JournalBacklog, readBacklog } from './journal/backlog';
import { inTime } from './journal/in-time';
import type { JournalConsumer } from './journal/journal';
import { createLimitedJournal } from './journal/limited-journal';
import { createStorageQueueJournal } from './journal/storage-queue-journal';

export interface WriteBehindOptions {
  readonly storage: StorageClients;
  readonly entities: Entities;
  readonly fence: Fence;
  readonly settings: Settings;
  readonly counters: Counters;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Default: on a Storage Queue. */
  readonly journal?: Journal & JournalConsumer;
}

/** How a process leaves write-behind. Nothing of it is lost. */
export interface WriteBehindEnd {
  /** Flushes that had not ended: their messages are delivered again. */
  readonly flushesUnderWay: number;
  /** What is in the journal for the jobs. Undefined where this process had no part in it, or storage did not say. */
  readonly left: JournalBacklog | undefined;
}

/** Both sides of write-behind in one process: the writers' and the jobs'. */
export interface WriteBehind {
  readonly journal: Journal & JournalConsumer;
  readonly deadLetters: DeadLetters;
  readonly flusher: Flusher;
  flush(key: string, options?: FlushKeyOptions): Promise<Version | undefined>;
  flushAll(options?: FlushAllOptions): Promise<FlushAllReport>;
  /**
   * Lets flushes under way end (for at most 10 s), sends what callers of the journal wait for, and says what is left.
   * Never rejects.
   */
  close(): Promise<WriteBehindEnd>;
}

const FLUSHES_END_MS = 10 * SECOND;
const LOOK_MS = 2 * SECOND;

export function createWriteBehind(options: WriteBehindOptions): WriteBehind {
  const { logger, clock } = options;
  let hasPart = false;
  const underWay = new Set<Promise<unknown>>();

  const limited = createLimitedJournal({ ...options, journal: options.journal ?? createStorageQueueJournal(options) });
  const journal: Journal & JournalConsumer = {
    ...limited,
    append(write) {
      hasPart = true;
      return limited.append(write);
    },
  };
  const deadLetters = createDeadLetters(options);
  const inner = createFlusher({ ...options, journal, deadLetters });
  const flusher: Flusher = {
    flush(message, delivery) {
      hasPart = true;
      const flushing = inner.flush(message, delivery).finally(() => underWay.delete(flushing));
      underWay.add(flushing);
      return flushing;
    },
  };

  return {
    ...{ journal, deadLetters, flusher },
    flush: (key, flushOptions) => flushKey(options, key, flushOptions),
    flushAll: (flushOptions) => drain({ journal, flusher, clock }, flushOptions),
    async close() {
      await inTime(Promise.allSettled(underWay), FLUSHES_END_MS).catch(() => {});
      const flushesUnderWay = underWay.size;
      await journal.close();
      const left = hasPart ? await look() : undefined;
      if (hasPart) {
        const { messages, oldestSeconds } = left ?? {};
        logger.info({ flushesUnderWay, messages, oldestSeconds }, 'write-behind ended; what is left is in the journal');
      }
      return { flushesUnderWay, left };
    },
  };

  function look(): Promise<JournalBacklog | undefined> {
    return inTime(readBacklog(journal, clock), LOOK_MS).catch((error: unknown) => {
      logger.debug({ error: errorCode(error) }, 'backlog not seen');
      return undefined;
    });
  }
}
