import { DAY, MINUTE } from '../../clock';
import { coerceError, errorCode } from '../../errors';
import type { Logger } from '../../logger';
import type { Counters } from '../../redis';
import type { AlertState } from '../evaluate/alert-state';
import { AlertStateConflictError, type AlertStateStore } from '../evaluate/alert-state-store';
import type { Inhibition } from '../rules/rule-schema';
import { type AlertGroup, endedGroup, type GroupTimes, groupsOf, owes, type Told } from './alert-groups';
import { toMessage } from './alert-message';
import type { Receiver } from './webhook';

/** What every receiver was told of every group, by `receiver|group`. */
export type ToldBook = Readonly<Record<string, Told>>;

export interface NotifierOptions {
  readonly store: AlertStateStore;
  readonly receivers: readonly Receiver[];
  readonly groupBy: readonly string[];
  readonly times: GroupTimes;
  readonly counters: Counters | undefined;
  readonly logger: Logger;
}

export interface Notifier {
  /** Keys of the groups of which some receiver is owed a message. */
  owed(state: AlertState, inhibitions: readonly Inhibition[]): Promise<readonly string[]>;
  /**
   * Delivers what is owed of one group. What was told is written down only after it was accepted, so a crash in
   * between tells it twice, with the same delivery id, and never not at all.
   */
  notify(
    state: AlertState,
    inhibitions: readonly Inhibition[],
    key: string,
  ): Promise<{ readonly delivered: number; readonly failed: number }>;
}

/** A receiver that fails is tried again after 1, 2, 4, ... minutes, at most this. */
const LONGEST_BACKOFF = 15 * MINUTE;
const WRITE_TRIES = 10;

const bookKey = (receiver: Receiver, group: string) => `${receiver.name}|${group}`;

export function createNotifier(options: NotifierOptions): Notifier {
  const { store, receivers, groupBy, times, counters, logger } = options;

  const readBook = async () => (await store.read<ToldBook>('told')) ?? { value: {} as ToldBook, etag: undefined };

  /** Every group that exists, or that somebody still believes to fire. */
  function groupsWith(state: AlertState, inhibitions: readonly Inhibition[], book: ToldBook): Map<string, AlertGroup> {
    const groups = groupsOf(state, inhibitions, groupBy);
    for (const [key, told] of Object.entries(book)) {
      const group = key.slice(key.indexOf('|') + 1);
      if (!groups.has(group) && told.firing.length > 0) groups.set(group, endedGroup(group, told));
    }
    return groups;
  }

  /** Changes one entry of the book, whatever other entries other runs change meanwhile. */
  async function record(key: string, told: Told, at: number): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      const { value, etag } = await readBook();
      const kept = Object.entries(value).filter(([, it]) => it.firing.length > 0 || at - it.at < DAY);
      try {
        await store.write('told', { ...Object.fromEntries(kept), [key]: told }, etag);
        return;
      } catch (error) {
        if (!(error instanceof AlertStateConflictError) || attempt === WRITE_TRIES) throw error;
      }
    }
  }

  async function deliver(receiver: Receiver, group: AlertGroup, told: Told | undefined, at: number): Promise<boolean> {
    const key = bookKey(receiver, group.key);
    try {
      await receiver.deliver(toMessage(group, told, receiver.name));
    } catch (error) {
      const failures = (told?.failures ?? 0) + 1;
      const notBefore = at + Math.min(LONGEST_BACKOFF, MINUTE * 2 ** (failures - 1));
      const fields = { receiver: receiver.name, group: group.key, failures, code: errorCode(error) };
      logger.warn({ ...fields, error: coerceError(error).message }, 'receiver did not accept a notification');
      const before = told ?? { labels: group.labels, firing: [], resolved: [], at: 0 };
      await record(key, { ...before, failures, notBefore }, at);
      return false;
    }
    const ids = (members: AlertGroup['firing']) => members.map(({ id }) => id);
    const { labels, firing, resolved } = group;
    await record(key, { labels, firing: ids(firing), resolved: ids(resolved), at, failures: 0, notBefore: 0 }, at);
    return true;
  }

  return {
    owed: async (state, inhibitions) => {
      if (receivers.length === 0) return [];
      const { value: book } = await readBook();
      const groups = [...groupsWith(state, inhibitions, book).values()];
      return groups
        .filter((group) => receivers.some((it) => owes(group, book[bookKey(it, group.key)], times, state.at)))
        .map(({ key }) => key);
    },

    notify: async (state, inhibitions, key) => {
      let delivered = 0;
      let failed = 0;
      for (const receiver of receivers) {
        const { value: book } = await readBook();
        const group = groupsWith(state, inhibitions, book).get(key);
        const told = book[bookKey(receiver, key)];
        if (!group || !owes(group, told, times, state.at)) continue;
        const accepted = await deliver(receiver, group, told, state.at);
        counters?.add('alert_messages', { receiver: receiver.name, outcome: accepted ? 'sent' : 'failed' });
        if (accepted) delivered += 1;
        else failed += 1;
      }
      return { delivered, failed };
    },
  };
}
