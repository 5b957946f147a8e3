import type { Reclaimer } from '../../cache';
import { CACHE_PREFIX } from '../../entities/key';
import type { Glob } from '../../redis/glob';
import type { Batch } from '../engine/send-commands';
import type { ServerWorkTime, UntimedPager } from '../throttle/server-work-time';
import type { ReclaimFindings } from './reclaim-sweep';

/**
 * Pages of keys, from which the cache's own reclaimer unlinks what an epoch has invalidated: it compares the entry's
 * header and unlinks in one script, so that what was written again meanwhile stays.
 */
export function reclaimPager(
  batch: Batch,
  reclaimer: Reclaimer,
  time: ServerWorkTime,
  { dryRun, only }: { readonly dryRun: boolean; readonly only: Glob | undefined },
): UntimedPager<ReclaimFindings> {
  return async (cursor, count) => {
    const [reply] = await batch([['SCAN', cursor, 'COUNT', count]]);
    if (reply instanceof Error) throw reply;
    const [next, keys] = reply as [Buffer, Buffer[]];
    const wanted = only ? keys.filter((key) => only.matches(key)) : keys;
    const entries = wanted.map(String).filter((key) => key.startsWith(`${CACHE_PREFIX}{`));
    const { entries: seen, dead, unlinked } = await time.of(reclaimer.reclaim(entries, { dryRun }));
    return { cursor: String(next), examined: keys.length, found: { entries: seen, dead, unlinked } };
  };
}
