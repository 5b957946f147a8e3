import type { Journal } from '../../cache/ports';
import { SECOND } from '../../clock';
import type { Entities } from '../../entities/registry';
import { isPermanentStoreError } from '../../entities/store-errors';
import { isNewer, newestBy } from '../../entities/version';
import type { Settings } from '../../settings';
import { WriteRefusedError, WriteUnknownError } from '../errors';
import { type BacklogOptions, type BacklogSettings, createBacklog } from './backlog';
import type { JournalConsumer } from './journal';

export interface LimitedJournalOptions extends Omit<BacklogOptions, 'journal' | 'settings'> {
  readonly journal: Journal & JournalConsumer;
  readonly entities: Entities;
  readonly settings: BacklogSettings & Pick<Settings, 'WRITE_BEHIND_WHEN_FULL' | 'WRITE_BEHIND_CLOCK_BOUND_SECONDS'>;
}

/** A journal with a hard limit. Above it, a write is refused, or saved at once through the same fence. */
export function createLimitedJournal(options: LimitedJournalOptions): Journal & JournalConsumer {
  const { journal, entities, settings, counters, clock } = options;
  const backlog = createBacklog(options);

  return {
    ...journal,
    async append(write) {
      if (backlog.level() !== 'hard') return journal.append(write);
      const store = entities.get(write.entity)?.store;
      if (settings.WRITE_BEHIND_WHEN_FULL === 'reject' || store === undefined) {
        counters.add('journal_refused');
        throw new WriteRefusedError(
          'The journal backlog is above its hard limit, so the write was not queued. Check the flush job and the database.',
        );
      }
      const { key, version, value } = write;
      // A flush refuses such a version too: in the store it would win over every correct write of its key.
      if (isNewer(version, newestBy(clock.now(), settings.WRITE_BEHIND_CLOCK_BOUND_SECONDS * SECOND))) {
        counters.add('journal_refused');
        const message = 'The version of the write is in the future, so it was refused. Check the clock of Redis.';
        throw new WriteRefusedError(message);
      }
      try {
        const [outcome] = await store.saveMany([{ key, version, value }]);
        counters.add('journal_written_through', { entity: write.entity });
        return outcome;
      } catch (error) {
        if (isPermanentStoreError(error)) {
          throw new WriteRefusedError('The store refused the write and will always refuse it.', { cause: error });
        }
        throw new WriteUnknownError(
          'The store did not answer, so the write may have been saved. Retry with the same version.',
          { cause: error },
        );
      }
    },
    async close() {
      await backlog.settled();
      await journal.close();
    },
  };
}
