import { setTimeout as sleep } from 'node:timers/promises';
import { physicalKey } from '../../src/entities/key';
import type { RedisHandle } from '../../src/index';
import type { Visitors } from '../web/visitors';
import type { HotEvidence } from './evidence';
import { evenly, retried } from './steady-load';

const AT_ONCE = 16;
const A_REQUEST = 50;
const EACH_MS = 1_000;
/** The physical TTL of an entry is its life and its grace: those of `product:price`. */
const LIFE_MS = 15_000;
const GRACE_MS = 5_000;
/** Redis and this process needn't agree on a moment to the millisecond. */
const TOLERANCE_MS = 50;

/** Sets the prices that are to be hot; answers their names. */
export async function makeHotEntries(visitors: Visitors, run: string, entries: number): Promise<readonly string[]> {
  const skus = Array.from({ length: entries }, (_, n) => `once-${run}-${n}`);
  await evenly(entries, 0, AT_ONCE, (n) => retried(() => visitors.setPrice(skus[n] ?? '', 1 + n)));
  return skus;
}

/**
 * Reads prices, whose entries live 15 seconds, for `durationMs`; once a second each is also looked at in Redis itself.
 * The rest of a life shows when it began: one that began after the life before it had ended was a reader's miss.
 */
export async function readHotEntries(
  visitors: Visitors,
  redis: RedisHandle,
  { skus, durationMs }: { skus: readonly string[]; durationMs: number },
): Promise<HotEvidence> {
  const entries = skus.length;
  const readAll = async () => {
    for (let from = 0; from < entries; from += A_REQUEST) {
      await retried(() => visitors.prices(skus.slice(from, from + A_REQUEST)));
    }
  };
  const keys = skus.map((sku) => physicalKey(`product:price:${sku}`));
  const endOf = new Map<string, number>();
  const renewed = new Set<string>();
  let looks = 0;
  let expired = 0;
  let leastLeftMs = Number.POSITIVE_INFINITY;

  // What expired while all were being set is loaded now: from here on nothing may expire.
  await readAll();
  for (const end = performance.now() + durationMs; performance.now() < end; ) {
    const began = performance.now();
    const client = redis.client('cache');
    const ttls = await Promise.all(keys.map((key) => client.pttl(key)));
    const now = performance.now();
    keys.forEach((key, index) => {
      const left = (ttls[index] ?? -2) - GRACE_MS;
      const end = now + left;
      const endBefore = endOf.get(key) ?? end;
      const isRenewed = end > endBefore + TOLERANCE_MS;
      looks += 1;
      if (left <= 0 || (isRenewed && end - LIFE_MS > endBefore + TOLERANCE_MS)) expired += 1;
      if (isRenewed) renewed.add(key);
      endOf.set(key, end);
      leastLeftMs = Math.min(leastLeftMs, Math.max(0, left));
    });
    await readAll();
    await sleep(Math.max(0, EACH_MS - (performance.now() - began)));
  }
  return { entries, looks, expired, leastLeftMs, renewed: renewed.size };
}
