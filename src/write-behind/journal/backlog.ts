import { type Clock, SECOND } from '../../clock';
import { errorCode } from '../../errors';
import type { Logger } from '../../logger';
import type { Counters } from '../../redis/counters';
import type { Settings } from '../../settings';
import type { JournalConsumer } from './journal';

export type BacklogLevel = 'fine' | 'soft' | 'hard';

/** The writes that wait in a journal. */
export interface JournalBacklog {
  /** Hidden messages included. Storage gives an approximate count. */
  readonly messages: number;
  /** Age of the oldest visible write, counted from its acceptance. Undefined if no message is visible. */
  readonly oldestSeconds: number | undefined;
}

export async function readBacklog(
  journal: Pick<JournalConsumer, 'depth' | 'oldest'>,
  clock: Clock,
): Promise<JournalBacklog> {
  const [messages, oldest] = await Promise.all([journal.depth(), journal.oldest()]);
  const oldestSeconds = oldest === undefined ? undefined : Math.max(0, (clock.now() - oldest) / SECOND);
  return { messages, oldestSeconds };
}

export type BacklogSettings = Pick<Settings, Extract<keyof Settings, `WRITE_BEHIND_${'SOFT' | 'HARD'}_${string}`>>;

export interface BacklogOptions {
  readonly journal: Pick<JournalConsumer, 'depth' | 'oldest'>;
  readonly settings: BacklogSettings;
  readonly counters: Counters;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** One reading costs two requests to storage, so it is used for this long. Only writers read it. */
const READ_EVERY_MS = 5 * SECOND;

/** How far the journal is behind. A write never waits for a reading: it uses the previous one. */
export function createBacklog(options: BacklogOptions) {
  const { journal, settings, counters, logger, clock } = options;
  let level: BacklogLevel = 'fine';
  /** When the oldest write was accepted. Kept, because all messages may be hidden while the store is unavailable. */
  let oldestAt: number | undefined;
  let readAt = Number.NEGATIVE_INFINITY;
  let reading: Promise<void> | undefined;

  async function read(): Promise<void> {
    const { messages, oldestSeconds: visible } = await readBacklog(journal, clock);
    if (visible !== undefined) oldestAt = clock.now() - visible * SECOND;
    else if (messages === 0) oldestAt = undefined;
    const oldestSeconds = oldestAt === undefined ? 0 : (clock.now() - oldestAt) / SECOND;
    const beyond = (most: number, age: number) => messages >= most || oldestSeconds >= age;
    const before = level;
    level = beyond(settings.WRITE_BEHIND_HARD_MESSAGES, settings.WRITE_BEHIND_HARD_AGE_SECONDS)
      ? 'hard'
      : beyond(settings.WRITE_BEHIND_SOFT_MESSAGES, settings.WRITE_BEHIND_SOFT_AGE_SECONDS)
        ? 'soft'
        : 'fine';
    counters.set('journal_depth', {}, messages);
    counters.set('journal_oldest_seconds', {}, Math.round(oldestSeconds));
    if (level !== before) {
      counters.add('journal_backlog', { level });
      logger[level === 'fine' ? 'info' : 'warn'](
        { level, messages, oldestSeconds: Math.round(oldestSeconds) },
        'write-behind backlog changed',
      );
    }
  }

  return {
    /** Returns at once. */
    level(): BacklogLevel {
      if (reading === undefined && clock.now() - readAt >= READ_EVERY_MS) {
        readAt = clock.now();
        reading = read()
          // Storage did not answer. The append itself will fail with a clear error.
          .catch((error: unknown) => logger.debug({ error: errorCode(error) }, 'could not read the journal backlog'))
          .finally(() => {
            reading = undefined;
          });
      }
      return level;
    },
    /** Resolves when the current reading has ended. */
    settled: () => reading ?? Promise.resolve(),
  };
}
