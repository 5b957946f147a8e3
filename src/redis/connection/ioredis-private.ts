// biome-ignore-all lint/complexity/useLiteralKeys: TypeScript lets private members be read by this syntax only.
import type { Cluster, Command, Redis } from 'ioredis';

/**
 * The private members of ioredis that this project needs, since ioredis has no public way to bound its offline queue,
 * to reject what a broken connection leaves unanswered, or to reach a cluster's subscriber and set its options. They are
 * used here only, and test/redis/ioredis-private.test.ts pins what each does in the pinned version.
 */

/** Commands that wait for a connection, oldest first. */
export interface OfflineQueue {
  readonly length: number;
  peekFront(): { readonly command: Command } | undefined;
  shift(): { readonly command: Command } | undefined;
}

/** The present queue: ioredis replaces it each time it sends the queued commands. */
export const offlineQueueOf = (client: Redis | Cluster): OfflineQueue => (client as Redis)['offlineQueue']; // a cluster's has the same shape

const closed = (): Error => new Error('Connection is closed.');

/** Rejects the commands that were sent and not answered. Those in the offline queue stay there. */
export const rejectUnanswered = (client: Redis): void => client['flushQueue'](closed(), { offlineQueue: false });

/** Rejects every command that waits, for a connection that will not come back. */
export const rejectAll = (client: Redis | Cluster): void => (client as Redis)['flushQueue'](closed());

/** The connection that a cluster client subscribes on, if there is one at present. */
export const subscriberOf = (cluster: Cluster): Redis | null => cluster['subscriber'].getInstance();

/**
 * A cluster's subscriber sends CLIENT SETINFO whatever `disableClientInfo` says: ioredis does not hand that option on.
 * The published rights leave the command out, since only Redis 7.2 knows it, so Redis would note a refusal each time.
 */
export function disableSubscriberInfo(cluster: Cluster): void {
  const subscriber = cluster['subscriber'];
  const select = subscriber['selectSubscriber'].bind(subscriber);
  subscriber['selectSubscriber'] = () => {
    select();
    const client = subscriber.getInstance();
    // It has not connected yet, and reads the option when it has.
    if (client) client.options.disableClientInfo = true;
  };
}
