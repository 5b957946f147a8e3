import { MINUTE, SECOND } from '../clock';
import { coerceError, errorCode } from '../errors';
import type { Logger } from '../logger';
import type { Counters } from '../redis';
import { type AlertGroup, type GroupTimes, owes, type Told, untold } from './groups';
import { type Receiver, toMessage } from './receivers';
import { AlertStateConflictError, type AlertStateStore } from './state-store';

/** What each receiver was told of each group, by `receiver group`. */
export type ToldDocument = Readonly<Record<string, Told>>;

export interface NotifierOptions {
  readonly receivers: readonly Receiver[];
  readonly store: AlertStateStore;
  readonly times: GroupTimes;
  readonly counters: Counters;
  readonly logger: Logger;
}

/** First pause after a failure; doubled for each further one, up to an hour. */
const BACKOFF = 30 * SECOND;
const BACKOFF_CAP = 60 * MINUTE;
const WRITE_TRIES = 8;

export const toldKey = (receiver: string, group: string): string => `${receiver} ${group}`;

/** True where some receiver is owed a message of the group. */
export function isOwed(options: NotifierOptions, group: AlertGroup, told: ToldDocument, at: number): boolean {
  return options.receivers.some(({ name }) => owes(group, told[toldKey(name, group.key)] ?? untold, options.times, at));
}

export interface Delivered {
  readonly sent: number;
  readonly failed: number;
}

/**
 * Tells each receiver what it is owed of a group, and only then notes it: a crash between the two tells it twice, and
 * never not at all. A failure is noted too, with a pause that grows; the evaluation of each tick asks again.
 */
export async function deliver(
  options: NotifierOptions,
  group: AlertGroup,
  at: number,
  known: ReadonlySet<string>,
): Promise<Delivered> {
  const { receivers, store, times, counters, logger } = options;
  let sent = 0;
  let failed = 0;
  for (const receiver of receivers) {
    const key = toldKey(receiver.name, group.key);
    const before = (await store.read<ToldDocument>('told'))?.value[key] ?? untold;
    if (!owes(group, before, times, at)) continue;
    let after: Told;
    try {
      await receiver.send(toMessage(group));
      const ids = (members: AlertGroup['firing']) => members.map(({ id }) => id);
      after = { firing: ids(group.firing), resolved: ids(group.resolved), at, failures: 0, notBefore: 0 };
      sent += 1;
    } catch (thrown) {
      const failures = before.failures + 1;
      after = { ...before, failures, notBefore: at + Math.min(BACKOFF_CAP, BACKOFF * 2 ** (failures - 1)) };
      failed += 1;
      const error = coerceError(thrown);
      logger.warn(
        { receiver: receiver.name, code: errorCode(error), error: error.message, failures },
        'alert not delivered',
      );
    }
    counters.add('alert_messages', { receiver: receiver.name, outcome: after.failures === 0 ? 'sent' : 'failed' });
    await note(store, key, after, known);
  }
  return { sent, failed };
}

/** Other groups are noted at the same time: only our own entry changes, on whatever is there by then. */
async function note(store: AlertStateStore, key: string, told: Told, known: ReadonlySet<string>): Promise<void> {
  for (let tries = 1; ; tries++) {
    const document = await store.read<ToldDocument>('told');
    const kept = Object.entries(document?.value ?? {}).filter(([entry]) =>
      known.has(entry.slice(entry.indexOf(' ') + 1)),
    );
    try {
      await store.write<ToldDocument>('told', { ...Object.fromEntries(kept), [key]: told }, document?.etag);
      return;
    } catch (error) {
      if (!(error instanceof AlertStateConflictError) || tries === WRITE_TRIES) throw error;
    }
  }
}
