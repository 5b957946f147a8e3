import { DAY, MINUTE } from '../../clock';
import { coerceError, errorCode } from '../../errors';
import type { Logger } from '../../logger';
import type { Counters } from '../../redis';
import type { AlertState } from '../evaluate/alert-state';
import { AlertStateConflictError, type AlertStateStore } from '../evaluate/alert-state-store';
import type { Inhibition } from '../rules/rule-schema';
import { type AlertGroup, endedGroup, groupsOf, type LastNotification } from './alert-groups';
import { toMessage } from './alert-message';
import { type GroupTimes, isNotificationDue } from './notification-due';
import type { Receiver } from './receivers';

/** The last notification of every group to every receiver, by `receiver|group`. */
export type NotificationLog = Readonly<Record<string, LastNotification>>;

export interface NotifierOptions {
  readonly store: AlertStateStore;
  readonly receivers: readonly Receiver[];
  readonly groupBy: readonly string[];
  readonly times: GroupTimes;
  readonly counters: Counters | undefined;
  readonly logger: Logger;
}

export interface Notifier {
  /** Keys of the groups for which some receiver must be notified. */
  pendingGroups(state: AlertState, inhibitions: readonly Inhibition[]): Promise<readonly string[]>;
  /**
   * Sends the pending notifications of one group. The log is written only after the receiver has accepted one, so a
   * crash in between sends it twice, with the same delivery id, and never loses it. `failedWith`: the code of a failure.
   */
  notify(
    state: AlertState,
    inhibitions: readonly Inhibition[],
    key: string,
  ): Promise<{ readonly delivered: number; readonly failed: number; readonly failedWith: string | undefined }>;
}

/** A receiver that fails is retried after 1, 2, 4, ... minutes, up to this. */
const LONGEST_BACKOFF = 15 * MINUTE;
const WRITE_TRIES = 10;

const logKey = (receiver: Receiver, group: string) => `${receiver.name}|${group}`;

export function createNotifier(options: NotifierOptions): Notifier {
  const { store, receivers, groupBy, times, counters, logger } = options;

  const readLog = async () =>
    (await store.read<NotificationLog>('told')) ?? { value: {} as NotificationLog, etag: undefined };

  /** Every group that exists, or that some receiver was last notified of as firing. */
  function groupsWith(state: AlertState, inhibitions: readonly Inhibition[], log: NotificationLog) {
    const groups = groupsOf(state, inhibitions, groupBy);
    for (const [key, last] of Object.entries(log)) {
      const group = key.slice(key.indexOf('|') + 1);
      if (!groups.has(group) && last.firing.length > 0) groups.set(group, endedGroup(group, last));
    }
    return groups;
  }

  /** Changes one entry of the log, even if other runs change other entries meanwhile. */
  async function record(key: string, last: LastNotification, at: number): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      const { value, etag } = await readLog();
      const kept = Object.entries(value).filter(([, it]) => it.firing.length > 0 || at - it.at < DAY);
      try {
        await store.write('told', { ...Object.fromEntries(kept), [key]: last }, etag);
        return;
      } catch (error) {
        if (!(error instanceof AlertStateConflictError) || attempt === WRITE_TRIES) throw error;
      }
    }
  }

  /** The code of the failure; undefined if it was accepted. */
  async function deliver(receiver: Receiver, group: AlertGroup, last: LastNotification | undefined, at: number) {
    const key = logKey(receiver, group.key);
    try {
      await receiver.deliver(toMessage(group, last, receiver.name));
    } catch (error) {
      const failures = (last?.failures ?? 0) + 1;
      const notBefore = at + Math.min(LONGEST_BACKOFF, MINUTE * 2 ** (failures - 1));
      const fields = { receiver: receiver.name, group: group.key, failures, code: errorCode(error) };
      const message = 'a receiver did not accept a notification; it is retried at a later tick';
      logger.warn({ ...fields, error: coerceError(error).message }, message);
      const before = last ?? { labels: group.labels, firing: [], resolved: [], at: 0 };
      await record(key, { ...before, failures, notBefore }, at);
      return fields.code;
    }
    const ids = (members: AlertGroup['firing']) => members.map(({ id }) => id);
    const { labels, firing, resolved } = group;
    await record(key, { labels, firing: ids(firing), resolved: ids(resolved), at, failures: 0, notBefore: 0 }, at);
    return undefined;
  }

  return {
    pendingGroups: async (state, inhibitions) => {
      if (receivers.length === 0) return [];
      const { value: log } = await readLog();
      const groups = [...groupsWith(state, inhibitions, log).values()];
      return groups
        .filter((group) =>
          receivers.some((it) => isNotificationDue(group, log[logKey(it, group.key)], times, state.at)),
        )
        .map(({ key }) => key);
    },

    notify: async (state, inhibitions, key) => {
      let delivered = 0;
      let failed = 0;
      let failedWith: string | undefined;
      for (const receiver of receivers) {
        const { value: log } = await readLog();
        const group = groupsWith(state, inhibitions, log).get(key);
        const last = log[logKey(receiver, key)];
        if (!group || !isNotificationDue(group, last, times, state.at)) continue;
        const failure = await deliver(receiver, group, last, state.at);
        counters?.add('alert_messages', {
          receiver: receiver.name,
          outcome: failure === undefined ? 'sent' : 'failed',
        });
        if (failure === undefined) delivered += 1;
        else failed += 1;
        failedWith ??= failure;
      }
      return { delivered, failed, failedWith };
    },
  };
}
