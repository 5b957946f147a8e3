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
import { settledWithin } from '../timeout';
import { createDeadLetters, type DeadLetters } from './dead-letters/dead-letter-store';
import { type FlushAllOptions, type FlushAllReport, flushAll } from './flush/flush-all';
import { type FlushKeyOptions, flushKey } from './flush/flush-key';
import { createFlusher, type Flusher } from './flush/flusher';
import { type JournalBacklog, readBacklog } from './journal/backlog';
import { inTime } from './journal/in-time';
import { type JournalConsumer, putRows } from './journal/journal';
import { decodeMessage } from './journal/journal-message';
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
  /** Default: a Storage Queue. */
  readonly journal?: Journal & JournalConsumer;
}

/** The state of write-behind when a process ends. No write is lost. */
export interface WriteBehindEnd {
  /** Flushes that did not end in time. Their messages are delivered again. */
  readonly flushesUnderWay: number;
  /** The writes left for the jobs. Undefined if this process used no journal, or if storage did not answer. */
  readonly left: JournalBacklog | undefined;
}

export interface CloseOptions {
  /** How long running flushes may take to end, in ms. Default: 10000. */
  readonly flushesEndMs?: number;
}

/** Write-behind of one process, for writers and for jobs. */
export interface WriteBehind {
  readonly journal: Journal & JournalConsumer;
  readonly deadLetters: DeadLetters;
  readonly flusher: Flusher;
  flush(key: string, options?: FlushKeyOptions): Promise<Version | undefined>;
  flushAll(options?: FlushAllOptions): Promise<FlushAllReport>;
  /**
   * Waits for running flushes, puts copies of the messages of those that do not end in time back into the journal,
   * sends the appends that callers wait for, and reports what is left. Never rejects.
   */
  close(options?: CloseOptions): Promise<WriteBehindEnd>;
}

const FLUSHES_END_MS = 10 * SECOND;
const GIVE_BACK_MS = SECOND;
const LOOK_MS = 2 * SECOND;

export function createWriteBehind(options: WriteBehindOptions): WriteBehind {
  const { logger, clock } = options;
  let used = false;
  /** The messages of running flushes. */
  const running = new Map<Promise<unknown>, unknown>();

  const limited = createLimitedJournal({ ...options, journal: options.journal ?? createStorageQueueJournal(options) });
  const journal: Journal & JournalConsumer = {
    ...limited,
    append(write) {
      used = true;
      return limited.append(write);
    },
  };
  const deadLetters = createDeadLetters(options);
  const inner = createFlusher({ ...options, journal, deadLetters });
  const flusher: Flusher = {
    flush(message, delivery) {
      used = true;
      const flushing = inner.flush(message, delivery).finally(() => running.delete(flushing));
      running.set(flushing, message);
      return flushing;
    },
  };

  return {
    journal,
    deadLetters,
    flusher,
    flush: (key, flushOptions) => flushKey(options, key, flushOptions),
    flushAll: (flushOptions) => flushAll({ journal, flusher, clock }, flushOptions),
    async close({ flushesEndMs = FLUSHES_END_MS } = {}) {
      await settledWithin(Promise.allSettled(running.keys()), flushesEndMs);
      const flushesUnderWay = running.size;
      await settledWithin(Promise.all([...running.values()].map(giveBack)), GIVE_BACK_MS);
      await inTime(
        Promise.resolve().then(() => journal.close()),
        FLUSHES_END_MS,
      ).catch((error: unknown) => {
        logger.error({ error: errorCode(error) }, 'the journal did not close; appends that got no answer are unknown');
      });
      const left = used ? await look() : undefined;
      if (used) {
        const { messages, oldestSeconds } = left ?? {};
        logger.info(
          { flushesUnderWay, messages, oldestSeconds },
          'write-behind closed; the journal keeps the remaining writes',
        );
      }
      return { flushesUnderWay, left };
    },
  };

  /**
   * The message itself stays hidden for as long as its host has it, which may be minutes after the process ended. Saving
   * a write twice changes nothing: the fence refuses the second.
   */
  async function giveBack(message: unknown): Promise<void> {
    const decoded = decodeMessage(message);
    if (decoded.kind !== 'rows') return;
    const { rows, ...header } = decoded.message;
    await putRows(journal, header, rows, 0).catch((error: unknown) => {
      logger.warn(
        { rows: rows.length, error: errorCode(error) },
        'could not give back a message; it is delivered again',
      );
    });
  }

  function look(): Promise<JournalBacklog | undefined> {
    return inTime(readBacklog(journal, clock), LOOK_MS).catch((error: unknown) => {
      logger.debug({ error: errorCode(error) }, 'could not read the journal backlog');
      return undefined;
    });
  }
}
