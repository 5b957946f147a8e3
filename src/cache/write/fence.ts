import { type Clock, SECOND } from '../../clock';
import type { WriteRow } from '../../entities/entity-store';
import { entryAndLease, physicalKey } from '../../entities/key';
import type { Version } from '../../entities/version';
import type { Logger } from '../../logger';
import { isWrongType } from '../../redis/errors';
import { slotOf } from '../../redis/slot';
import type { RedisHandle } from '../../redis/types';
import { dropScript, putScript, settleScript, supersedeScript } from '../entry/cache-scripts';
import { decodeEntry, entryTail, FLAG_DIRTY, FLAG_NEGATIVE } from '../entry/entry-format';
import { createVersions, type Versions } from './versions';

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

/** The store holds this key in this version or a later one. */
export interface StoredVersion {
  readonly key: string;
  readonly version: Version;
}

export interface SettleOptions {
  /** Life of the entries from now on. */
  readonly ttlSeconds: number;
  /** How long an entry may be served after its life. Default: 0. */
  readonly graceSeconds?: number;
}

/** Refuses older writes: gives writes their versions, and updates the cache before and after their commit. */
export interface Fence {
  /** The versions that this process has taken and seen. */
  readonly versions: Versions;
  /** The version of a write about to happen. Throws `E_VERSION_UNAVAILABLE` if the write cannot be ordered now. */
  takeVersion(key: string): Promise<Version>;
  /**
   * Shows a write that the journal has: stores it if it is newer, as dirty until it is settled, and ends the right of
   * running loads to store. Repeating it changes nothing. Throws `E_DEADLINE` or `E_REDIS_UNAVAILABLE`.
   */
  publish(row: WriteRow, options: PublishOptions): Promise<void>;
  /** The write that the cache shows as dirty; undefined if there is none. Throws `E_DEADLINE` or `E_REDIS_UNAVAILABLE`. */
  unsaved(key: string): Promise<WriteRow | undefined>;
  /**
   * After a commit. An entry of the stored version is no longer dirty, an older one is deleted, a newer one stays. If
   * there is no entry, a running load loses its right to store, because it may have read the row before the commit.
   */
  settle(stored: readonly StoredVersion[], options: SettleOptions): Promise<void>;
  /** Deletes the cached entry of a dead letter, if it still has that version. */
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

  async function settleBatch(batch: readonly StoredVersion[], lifeMs: number, physicalMs: number): Promise<void> {
    const entries = batch.map(({ key }) => physicalKey(key));
    const numbers = await redis.run('cache', settleScript, entries, [lifeMs, physicalMs, versionsOf(batch)]);
    if (numbers.length === 0) return;
    const missed = numbers.map((number) => batch[number - 1] as StoredVersion);
    const keys = missed.flatMap(({ key }) => entryAndLease(key));
    await redis.run('cache', supersedeScript, keys, [versionsOf(missed)]);
  }

  return {
    versions,
    takeVersion: (key) => versions.take(key),

    async publish(row, { ttlSeconds, hardAgeSeconds = DEFAULT_HARD_AGE_SECONDS, leastCreatedAtMs = 0, tags = [] }) {
      const lifeMs = Math.round(ttlSeconds * SECOND);
      const flags = row.value === null ? FLAG_DIRTY | FLAG_NEGATIVE : FLAG_DIRTY;
      const [outcome] = await redis.run('cache', putScript, entryAndLease(row.key), [
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

    async settle(stored, { ttlSeconds, graceSeconds = 0 }) {
      const lifeMs = Math.round(ttlSeconds * SECOND);
      const physicalMs = lifeMs + Math.round(graceSeconds * SECOND);
      const isCluster = redis.mode === 'cluster';
      const batches = isCluster ? batchesBySlot(stored) : batchesOf(stored);
      const worker = async () => {
        for (let batch = batches.pop(); batch !== undefined; batch = batches.pop()) {
          await settleBatch(batch, lifeMs, physicalMs);
        }
      };
      // Each call has its own deadline. Thousands sent at once would exceed theirs while they wait in line.
      const workers = Math.min(SETTLE_WORKERS[isCluster ? 'cluster' : 'standalone'], batches.length);
      await allOrFirstError(Array.from({ length: workers }, worker));
    },

    async discard(key, version) {
      await redis.run('cache', dropScript, entryAndLease(key), ['', version]);
    },
  };
}

/** Rows settled by one call, during which Redis answers nobody else. */
const SETTLE_ROWS = 100;
const SETTLE_WORKERS = { standalone: 4, cluster: 64 };

const versionsOf = (batch: readonly StoredVersion[]): string => batch.map(({ version }) => version).join('');

const batchesOf = <T>(rows: readonly T[]): T[][] =>
  Array.from({ length: Math.ceil(rows.length / SETTLE_ROWS) }, (_, batch) =>
    rows.slice(batch * SETTLE_ROWS, (batch + 1) * SETTLE_ROWS),
  );

/** On a cluster all keys of a script must share a slot. */
const batchesBySlot = (rows: readonly StoredVersion[]): StoredVersion[][] =>
  [...Map.groupBy(rows, ({ key }) => slotOf(physicalKey(key))).values()].flatMap(batchesOf);

/** Waits until every command is answered, then throws the first error. Promise.all would leave some running. */
async function allOrFirstError(commands: readonly Promise<unknown>[]): Promise<void> {
  const failed = (await Promise.allSettled(commands)).find((result) => result.status === 'rejected');
  if (failed) throw failed.reason;
}
