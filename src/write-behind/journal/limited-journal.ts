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

/** A journal that beyond its hard limit refuses writes, or saves each at once through the same fence. */
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
        throw new WriteRefusedError('Expected the journal to be within its hard limit, got a backlog beyond it');
      }
      const { key, version, value } = write;
      // As a flush would: in the store it would outrank every right write of its key.
      if (isNewer(version, newestBy(clock.now(), settings.WRITE_BEHIND_CLOCK_BOUND_SECONDS * SECOND))) {
        counters.add('journal_refused');
        throw new WriteRefusedError('Expected a version of now, got one from the future; the clock of Redis is ahead');
      }
      try {
        const [outcome] = await store.saveMany([{ key, version, value }]);
        counters.add('journal_written_through', { entity: write.entity });
        return outcome;
      } catch (error) {
        if (isPermanentStoreError(error)) {
          throw new WriteRefusedError('Expected the store to take the write, got a refusal for good', { cause: error });
        }
        throw new WriteUnknownError('Expected the store to answer, got none: the write may be in it or not', {
          cause: error,
        });
      }
    },
    async close() {
      await backlog.settled();
      await journal.close();
    },
  };
}
