import { type Clock, SECOND } from '../../clock';
import { errorCode } from '../../errors';
import type { Logger } from '../../logger';
import type { Counters } from '../../redis/counters';
import type { Settings } from '../../settings';
import type { JournalConsumer } from './journal';

export type BacklogLevel = 'fine' | 'soft' | 'hard';

/** What waits in a journal. */
export interface JournalBacklog {
  /** Those hidden for now included; approximately, as storage counts. */
  readonly messages: number;
  /** Since the oldest visible write was accepted; undefined where none is visible. */
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

export type BacklogSettings = Pick<
  Settings,
  | 'WRITE_BEHIND_SOFT_MESSAGES'
  | 'WRITE_BEHIND_HARD_MESSAGES'
  | 'WRITE_BEHIND_SOFT_AGE_SECONDS'
  | 'WRITE_BEHIND_HARD_AGE_SECONDS'
>;

export interface BacklogOptions {
  readonly journal: Pick<JournalConsumer, 'depth' | 'oldest'>;
  readonly settings: BacklogSettings;
  readonly counters: Counters;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** A look costs two requests to storage, so it serves for this long, and only writers look. */
const LOOK_EVERY_MS = 5 * SECOND;

/** How far the journal is behind, as last seen. A write never waits for a look: it goes by the one before. */
export function createBacklog(options: BacklogOptions) {
  const { journal, settings, counters, logger, clock } = options;
  let level: BacklogLevel = 'fine';
  /** When the oldest write was accepted, as last seen: while the store is away, all of them may be hidden at a time. */
  let oldestAt: number | undefined;
  let lookedAt = Number.NEGATIVE_INFINITY;
  let looking: Promise<void> | undefined;

  async function look(): Promise<void> {
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
    /** At once. */
    level(): BacklogLevel {
      if (looking === undefined && clock.now() - lookedAt >= LOOK_EVERY_MS) {
        lookedAt = clock.now();
        looking = look()
          // Storage that does not answer says nothing of the backlog; the append itself will tell.
          .catch((error: unknown) => logger.debug({ error: errorCode(error) }, 'backlog not seen'))
          .finally(() => {
            looking = undefined;
          });
      }
      return level;
    },
    /** Resolves when a look under way has ended. */
    settled: () => looking ?? Promise.resolve(),
  };
}
