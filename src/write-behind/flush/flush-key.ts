import { setTimeout as pause } from 'node:timers/promises';
import { DEFAULT_OPTIONS } from '../../cache/call-options';
import { CacheInputError } from '../../cache/errors';
import type { Fence } from '../../cache/write/fence';
import { type Clock, SECOND } from '../../clock';
import type { StoredEntity } from '../../entities/define-entity';
import { parseKey } from '../../entities/key';
import type { Entities } from '../../entities/registry';
import { isNewer, newestBy, type Version, VersionError } from '../../entities/version';
import { errorCode } from '../../errors';
import type { Logger } from '../../logger';
import { isRedisUnavailable } from '../../redis/errors';
import type { Settings } from '../../settings';
import { FlushTimeoutError } from '../errors';
import { inTime } from '../journal/in-time';

export interface FlushKeyOptions {
  /** The version that `writeBehind` returned. Resolves when the store has it or a newer one. Default: no wait. */
  readonly version?: Version;
  /** How long to wait for the store, in ms. Default: 10,000. */
  readonly deadlineMs?: number;
}

export interface FlushKeyPorts {
  readonly entities: Entities;
  readonly fence: Pick<Fence, 'unsaved' | 'settle'>;
  readonly settings: Pick<Settings, 'WRITE_BEHIND_CLOCK_BOUND_SECONDS'>;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** The pause between two looks at the store for a write that the cache no longer shows. */
const POLL_EVERY_MS = 100;

/**
 * Saves the dirty write that the cache shows, with the same statement as the job. The fence then refuses the journal's
 * copy. If the cache shows no dirty write, waits until the job has saved `version`.
 */
export async function flushKey(ports: FlushKeyPorts, key: string, options: FlushKeyOptions = {}) {
  const { version, deadlineMs = 10 * SECOND } = options;
  parseKey(key);
  const entity = ports.entities.of(key);
  if (entity?.store === undefined) throw new CacheInputError('Expected a key of an entity with a store');
  const { store } = entity;
  const deadline = performance.now() + deadlineMs;
  const late = () =>
    new FlushTimeoutError(
      `The store does not have the write after ${deadlineMs} ms. The write is safe in the journal; the flush job will save it.`,
    );
  const timely = <T>(work: Promise<T>) => inTime(work, deadline - performance.now(), late);

  if (version === undefined) return timely(saveShown(ports, entity, key, false));
  for (;;) {
    // The store first: if it has the version, no caller waits for an unavailable Redis.
    const stored = (await timely(store.loadMany([key]))).get(key)?.version;
    if (stored !== undefined && !isNewer(version, stored)) return stored;
    const saved = await timely(saveShown(ports, entity, key, true));
    if (saved !== undefined && !isNewer(version, saved)) return saved;
    await timely(pause(POLL_EVERY_MS));
  }
}

/** What the store has after it; undefined if the cache shows no such write, or is unavailable and `mayBeUnavailable`. */
async function saveShown(ports: FlushKeyPorts, entity: StoredEntity<unknown>, key: string, mayBeUnavailable: boolean) {
  const { fence, settings, clock, logger } = ports;
  const row = await fence.unsaved(key).catch((error: unknown) => {
    if (mayBeUnavailable && isRedisUnavailable(error)) return undefined;
    throw error;
  });
  if (row === undefined) return undefined;
  if (isNewer(row.version, newestBy(clock.now(), settings.WRITE_BEHIND_CLOCK_BOUND_SECONDS * SECOND))) {
    throw new VersionError('Expected a version of now, got one from the future; the flush will put the write aside');
  }
  const [outcome = { saved: true } as const] = await entity.store.saveMany([row]);
  const { ttlSeconds = DEFAULT_OPTIONS.ttlSeconds, graceSeconds = 0 } = entity;
  const version = outcome.saved ? row.version : outcome.storedVersion;
  await fence.settle([{ key, version }], { ttlSeconds, graceSeconds }).catch((error: unknown) => {
    logger.debug({ error: errorCode(error) }, 'not settled by a flush of one key; the journal’s copy does it');
  });
  return version;
}
