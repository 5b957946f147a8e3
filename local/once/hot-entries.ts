import { setTimeout as sleep } from 'node:timers/promises';
import { physicalKey } from '../../src/entities/key';
import type { RedisHandle } from '../../src/index';
import type { Visitors } from '../web/visitors';
import type { HotEvidence } from './evidence';
import { paced } from './pace';

const AT_ONCE = 16;
const A_REQUEST = 50;
const EACH_MS = 1_000;
/** The physical TTL of an entry is its life and its grace; `product:price` has a grace of 5 s. */
const GRACE_MS = 5_000;

/**
 * Sets prices, whose entries live 15 seconds, and reads them for `durationMs`; once a second each is also looked at in
 * Redis itself. Only refreshes can have kept an entry alive over more than one life without a look finding it expired.
 */
export async function readHotEntries(
  visitors: Visitors,
  redis: RedisHandle,
  { run, entries, durationMs }: { run: string; entries: number; durationMs: number },
): Promise<HotEvidence> {
  const skus = Array.from({ length: entries }, (_, n) => `once-${run}-${n}`);
  await paced(entries, 0, AT_ONCE, (n) => visitors.setPrice(skus[n] ?? '', 1 + n));
  const keys = skus.map((sku) => physicalKey(`product:price:${sku}`));
  const left = new Map<string, number>();
  const renewed = new Set<string>();
  let looks = 0;
  let expired = 0;
  let leastLeftMs = Number.POSITIVE_INFINITY;

  for (const end = performance.now() + durationMs; performance.now() < end; ) {
    const began = performance.now();
    const client = redis.client('cache');
    const ttls = await Promise.all(keys.map((key) => client.pttl(key)));
    keys.forEach((key, index) => {
      const now = (ttls[index] ?? -2) - GRACE_MS;
      looks += 1;
      if (now <= 0) expired += 1;
      if (now > (left.get(key) ?? now)) renewed.add(key);
      left.set(key, now);
      leastLeftMs = Math.min(leastLeftMs, Math.max(0, now));
    });
    for (let from = 0; from < entries; from += A_REQUEST) await visitors.prices(skus.slice(from, from + A_REQUEST));
    await sleep(Math.max(0, EACH_MS - (performance.now() - began)));
  }
  return { entries, looks, expired, leastLeftMs, renewed: renewed.size };
}
