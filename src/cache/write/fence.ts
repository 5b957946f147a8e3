import { type Clock, SECOND } from '../../clock';
import type { WriteRow } from '../../entities/entity-store';
import { entryLeaseAndMark, physicalKey } from '../../entities/key';
import type { Version } from '../../entities/version';
import type { Logger } from '../../logger';
import { isWrongType } from '../../redis/errors';
import type { RedisHandle } from '../../redis/types';
import { dropScript, putScript } from '../entry/cache-scripts';
import { decodeEntry, entryTail, FLAG_DIRTY, FLAG_NEGATIVE } from '../entry/entry-format';
import { SETTLED_MARK_MS, type SettleOptions, type StoredVersion, settle } from './settle';
import { createVersions, type Versions } from './versions';

export type { SettleOptions, StoredVersion };

export interface PublishOptions {
  /** Life of the entry, counted from now and again from the moment it is settled. */
  readonly ttlSeconds: number;
  /** Minimum time the entry stays in Redis, so that it outlives its wait in the journal. Default: 86,400. */
  readonly hardAgeSeconds?: number;
  /** Smallest creation time that no tag or prefix invalidates: the newest generation of the key + 1, in ms. Default: 0. */
  readonly leastCreatedAtMs?: number;
  /** Encoded tags of the entry. Default: none. */
  readonly tags?: readonly string[];
}

/** Refuses older writes: gives writes their versions, and updates the cache before and after their commit. */
export interface Fence {
  /** The versions that this process has taken and seen. */
  readonly versions: Versions;
  /** The version of a write about to happen. Throws `E_VERSION_UNAVAILABLE` if the write cannot be ordered now. */
  takeVersion(key: string): Promise<Version>;
  /**
   * Shows a write that the journal has: stores it if it is newer, as dirty until it is settled, and ends the right of
   * running loads to store. A write that was settled or discarded in the meantime is not shown. Repeating it changes nothing. Throws `E_DEADLINE` or `E_REDIS_UNAVAILABLE`.
   */
  publish(row: WriteRow, options: PublishOptions): Promise<void>;
  /** The write that the cache shows as dirty; undefined if there is none. Throws `E_DEADLINE` or `E_REDIS_UNAVAILABLE`. */
  unsaved(key: string): Promise<WriteRow | undefined>;
  /**
   * After a commit. An entry of the stored version is no longer dirty, an older one is deleted, a newer one stays. If
   * there is no entry, a running load loses its right to store, because it may have read the row before the commit, and
   * a write of that version or an older one is not shown any more.
   */
  settle(stored: readonly StoredVersion[], options: SettleOptions): Promise<void>;
  /** Deletes the cached entry of a dead letter, if it still has that version. It is not shown any more. */
  discard(key: string, version: Version): Promise<void>;
}

export const DEFAULT_HARD_AGE_SECONDS = 86_400;

export interface FenceOptions {
  readonly redis: RedisHandle;
  readonly logger: Logger;
  readonly clock: Clock;
  /** 0 to 999. Orders writes of two processes in the same microsecond. Default: random. */
  readonly writerId?: number;
}

export function createFence(options: FenceOptions): Fence {
  const { redis, logger } = options;
  const versions = createVersions(options);

  return {
    versions,
    takeVersion: (key) => versions.take(key),

    async publish(row, { ttlSeconds, hardAgeSeconds = DEFAULT_HARD_AGE_SECONDS, leastCreatedAtMs = 0, tags = [] }) {
      const lifeMs = Math.round(ttlSeconds * SECOND);
      const flags = row.value === null ? FLAG_DIRTY | FLAG_NEGATIVE : FLAG_DIRTY;
      const [outcome] = await redis.run('cache', putScript, entryLeaseAndMark(row.key), [
        row.version,
        versions.writer,
        versions.last,
        'newer',
        flags,
        leastCreatedAtMs,
        lifeMs,
        Math.max(lifeMs, Math.round(hardAgeSeconds * SECOND)),
        entryTail(0, tags, row.value ?? ''),
      ]);
      if (outcome === 'foreign') {
        logger.warn(
          {},
          'the key of a write holds a foreign value: the write is accepted, but the cache does not show it',
        );
      }
    },

    async unsaved(key) {
      await redis.ready();
      const raw = await redis.within(redis.client('cache').get(physicalKey(key))).catch((error: unknown) => {
        if (isWrongType(error)) return null;
        throw error;
      });
      const entry = raw === null ? undefined : decodeEntry(raw);
      if (typeof entry !== 'object' || (entry.flags & FLAG_DIRTY) === 0) return undefined;
      const { flags, version, payload } = entry;
      return { key, version, value: (flags & FLAG_NEGATIVE) === 0 ? payload : null };
    },

    settle: (stored, settleOptions) => settle(redis, stored, settleOptions),

    async discard(key, version) {
      await redis.run('cache', dropScript, entryLeaseAndMark(key), ['', version, SETTLED_MARK_MS]);
    },
  };
}
