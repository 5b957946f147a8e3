import type { Clock } from '../../clock';
import { SECOND } from '../../clock';
import type { WriteRow } from '../../entities/entity-store';
import { companionKey, physicalKey } from '../../entities/key';
import type { Version } from '../../entities/version';
import type { Logger } from '../../logger';
import { isWrongType } from '../../redis/errors';
import { slotOf } from '../../redis/slot';
import type { RedisHandle } from '../../redis/types';
import { dropScript, putScript, settleScript, supersedeScript } from '../entry/cache-scripts';
import { decodeEntry, entryTail, FLAG_DIRTY, FLAG_NEGATIVE } from '../entry/entry-format';
import { createVersions, type Versions } from './versions';

export interface PublishOptions {
  /** Life of the entry once it is settled, and until then. */
  readonly ttlSeconds: number;
  /** The entry stays at least this long, so that it outlives the wait in the journal. Default: 86,400. */
  readonly hardAgeSeconds?: number;
  /** Newest epoch of the key's tags and prefixes + 1, in ms. Default: 0. */
  readonly leastStampMs?: number;
  /** Encoded tags of the entry. Default: none. */
  readonly tags?: readonly string[];
}

/** A row that the store is known to hold, in this version or a later one. */
export interface StoredVersion {
  readonly key: string;
  readonly version: Version;
}

export interface SettleOptions {
  /** Life of the entries from now on. */
  readonly ttlSeconds: number;
  /** How long past its life an entry may still be served. Default: 0. */
  readonly graceSeconds?: number;
}

/** The cache's side of writes: their versions, and what the cache shows of them before and after the commit. */
export interface Fence {
  /** The versions that this process has given out and seen. */
  readonly versions: Versions;
  /** The version of a write about to happen. Throws `E_VERSION_UNAVAILABLE` when it can't be ordered now. */
  takeVersion(key: string): Promise<Version>;
  /**
   * Shows a write that the journal has: set if newer, dirty until it is settled, ends the right of running loads to
   * store. A repeat changes nothing. Throws `E_DEADLINE` or `E_REDIS_UNAVAILABLE`.
   */
  publish(row: WriteRow, options: PublishOptions): Promise<void>;
  /** The write that the cache shows and does not know to be saved. Throws `E_DEADLINE` or `E_REDIS_UNAVAILABLE`. */
  unsaved(key: string): Promise<WriteRow | undefined>;
  /**
   * After a commit: an entry of the stored version is dirty no longer, an older one goes, a newer one stays; where
   * there is none, a load that may have read the row before the commit loses its right to store.
   */
  settle(stored: readonly StoredVersion[], options: SettleOptions): Promise<void>;
  /** A dead letter's cached entry goes, if it is of that version. */
  discard(key: string, version: Version): Promise<void>;
}

const DEFAULT_HARD_AGE_SECONDS = 86_400;

export interface FenceOptions {
  readonly redis: RedisHandle;
  readonly logger: Logger;
  readonly clock: Clock;
  /** 0 to 999; breaks ties between writers of one microsecond. Default: random. */
  readonly writerId?: number;
}

export function createFence(options: FenceOptions): Fence {
  const { redis, logger } = options;
  const versions = createVersions(options);

  return {
    versions,
    takeVersion: (key) => versions.take(key),

    async publish(row, { ttlSeconds, hardAgeSeconds = DEFAULT_HARD_AGE_SECONDS, leastStampMs = 0, tags = [] }) {
      const lifeMs = Math.round(ttlSeconds * SECOND);
      const flags = row.value === null ? FLAG_DIRTY | FLAG_NEGATIVE : FLAG_DIRTY;
      const [outcome] = await redis.run('cache', putScript, keysOf(row), [
        row.version,
        versions.writer,
        versions.last,
        'newer',
        flags,
        leastStampMs,
        lifeMs,
        Math.max(lifeMs, Math.round(hardAgeSeconds * SECOND)),
        entryTail(0, tags, row.value ?? ''),
      ]);
      if (outcome === 'foreign') logger.warn({}, 'a foreign value stands where a write should be shown');
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
      const settlePage = async (page: readonly StoredVersion[]) => {
        const args = [lifeMs, physicalMs, versionsOf(page)];
        const numbers = await redis.run('cache', settleScript, page.map(entryKey), args);
        if (numbers.length === 0) return;
        const missed = numbers.map((number) => page[number - 1] as StoredVersion);
        await redis.run('cache', supersedeScript, missed.flatMap(keysOf), [versionsOf(missed)]);
      };
      // A few calls at once, each with a deadline of its own: thousands sent together would outlive theirs in the line.
      const isCluster = redis.mode === 'cluster';
      const lanes = SETTLE_LANES[isCluster ? 'cluster' : 'standalone'];
      const pages = isCluster ? pagesBySlot(stored) : pagesOf(stored);
      const lane = async () => {
        for (let page = pages.pop(); page !== undefined; page = pages.pop()) await settlePage(page);
      };
      await allOrFirstError(Array.from({ length: Math.min(lanes, pages.length) }, lane));
    },

    async discard(key, version) {
      await redis.run('cache', dropScript, keysOf({ key }), ['', version]);
    },
  };
}

/** Rows that one call settles; Redis answers nobody else meanwhile. */
const SETTLE_ROWS = 100;
const SETTLE_LANES = { standalone: 4, cluster: 64 };

const entryKey = ({ key }: { readonly key: string }): string => physicalKey(key);
const keysOf = ({ key }: { readonly key: string }): string[] => [physicalKey(key), companionKey(key, 'lease')];
const versionsOf = (page: readonly StoredVersion[]): string => page.map(({ version }) => version).join('');

const pagesOf = <T>(rows: readonly T[]): T[][] =>
  Array.from({ length: Math.ceil(rows.length / SETTLE_ROWS) }, (_, page) =>
    rows.slice(page * SETTLE_ROWS, (page + 1) * SETTLE_ROWS),
  );

/** On a cluster a script's keys must share a slot. */
const pagesBySlot = (rows: readonly StoredVersion[]): StoredVersion[][] =>
  [...Map.groupBy(rows, (row) => slotOf(entryKey(row))).values()].flatMap(pagesOf);

/** Like Promise.all, but every command has been answered before the first error is thrown. */
async function allOrFirstError(commands: readonly Promise<unknown>[]): Promise<void> {
  const failed = (await Promise.allSettled(commands)).find((result) => result.status === 'rejected');
  if (failed) throw failed.reason;
}
