import { SECOND } from '../../clock';
import { entryLeaseAndMark, physicalKey } from '../../entities/key';
import type { Version } from '../../entities/version';
import { slotOf } from '../../redis/slot';
import type { RedisHandle } from '../../redis/types';
import { settleScript, supersedeScript } from '../entry/cache-scripts';

/** A journalled write that could not be shown within this time is no longer shown, in ms. */
export const SHOWN_WITHIN_MS = 10 * SECOND;

/**
 * Life of a settled mark, in ms. The mark keeps a write that is saved, deleted or refused from being shown late: up to
 * {@link SHOWN_WITHIN_MS} after its acceptance and the longest deadline of the command that shows it.
 */
export const SETTLED_MARK_MS = SHOWN_WITHIN_MS + 60 * SECOND;

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

/** `Fence.settle`. */
export async function settle(
  redis: RedisHandle,
  stored: readonly StoredVersion[],
  { ttlSeconds, graceSeconds = 0 }: SettleOptions,
): Promise<void> {
  const lifeMs = Math.round(ttlSeconds * SECOND);
  const physicalMs = lifeMs + Math.round(graceSeconds * SECOND);
  const isCluster = redis.mode === 'cluster';
  const batches = isCluster ? batchesBySlot(stored) : batchesOf(stored);
  const worker = async () => {
    for (let batch = batches.pop(); batch !== undefined; batch = batches.pop()) {
      await settleBatch(redis, batch, lifeMs, physicalMs);
    }
  };
  // Each call has its own deadline. Thousands sent at once would exceed theirs while they wait in line.
  const workers = Math.min(SETTLE_WORKERS[isCluster ? 'cluster' : 'standalone'], batches.length);
  await allOrFirstError(Array.from({ length: workers }, worker));
}

async function settleBatch(
  redis: RedisHandle,
  batch: readonly StoredVersion[],
  lifeMs: number,
  physicalMs: number,
): Promise<void> {
  const entries = batch.map(({ key }) => physicalKey(key));
  const numbers = await redis.run('cache', settleScript, entries, [lifeMs, physicalMs, versionsOf(batch)]);
  if (numbers.length === 0) return;
  const missed = numbers.map((number) => batch[number - 1] as StoredVersion);
  const keys = missed.flatMap(({ key }) => entryLeaseAndMark(key));
  await redis.run('cache', supersedeScript, keys, [versionsOf(missed), SETTLED_MARK_MS]);
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
