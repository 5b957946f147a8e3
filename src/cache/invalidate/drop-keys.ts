import { companionKey, encodeKey, entryLeaseAndMark, logicalKey, physicalKey } from '../../entities/key';
import type { RedisHandle, RedisNode } from '../../redis/types';
import { dropScript } from '../entry/cache-scripts';
import { CacheInputError } from '../errors';
import { SETTLED_MARK_MS } from '../write/settle';

/** Keys scanned per SCAN call. */
const SCAN_COUNT = 500;

/**
 * Deletes one key: its entry and its lease. `issued` is the version of the invalidation, so that a dirty entry written
 * after it stays; '' means now. Returns 1 if there was an entry. `isStored`: the key's entity has a store, so that a
 * write of it may be shown late, and must not be if it is older than the deleted entry.
 */
export const dropKey = (redis: RedisHandle, key: string, issued: string, isStored: boolean): Promise<number> =>
  redis.run('cache', dropScript, entryLeaseAndMark(key), [issued, '', isStored ? SETTLED_MARK_MS : 0]);

/**
 * Deletes every key that matches, entries and leases, on every master. Returns how many entries were deleted. `issued`
 * and `isStored` are as for {@link dropKey}.
 *
 * It scans twice, since a load may store between the steps of one scan: its lease is gone before the scan reaches it,
 * and its entry appears where the scan has already been. After the first scan, over leases, no load that began earlier
 * can store. The second scan then finds everything that was stored until then.
 */
export async function dropPattern(
  redis: RedisHandle,
  pattern: string,
  isStored: (key: string) => boolean,
  issued = '',
): Promise<number> {
  const glob = physicalGlob(pattern);
  const nodes = await redis.nodes('masters', 'cache');
  const counts = await Promise.all(
    nodes.map(async (node) => {
      const drop = (key: string) => dropKey(redis, key, issued, isStored(key));
      const beingLoaded = await dropOn(redis, node, `${glob.slice(0, -1)}:lease`, drop);
      return beingLoaded + (await dropOn(redis, node, glob, drop));
    }),
  );
  return counts.reduce((sum, one) => sum + one, 0);
}

async function dropOn(
  redis: RedisHandle,
  { client }: RedisNode,
  glob: string,
  drop: (key: string) => Promise<number>,
): Promise<number> {
  let dropped = 0;
  let cursor = '0';
  do {
    const [next, found] = await redis.within(client.scan(cursor, 'MATCH', glob, 'COUNT', SCAN_COUNT));
    cursor = next;
    // An entry and its lease may be in the same reply or far apart. Either one is enough to drop both.
    const keys = new Set(found.map(ownKey).filter((key) => key !== undefined));
    const results = await Promise.all([...keys].map(drop));
    dropped += results.reduce((sum, one) => sum + one, 0);
  } while (cursor !== '0');
  return dropped;
}

/** The logical key of an entry or a lease; undefined for a foreign key that only begins like one. */
function ownKey(physical: string): string | undefined {
  const key = logicalKey(physical);
  if (key === undefined) return undefined;
  return physical === physicalKey(key) || physical === companionKey(key, 'lease') ? key : undefined;
}

/** The glob of physical keys for a glob of logical keys. It matches entries and companions. Throws `E_CACHE_INPUT`. */
export function physicalGlob(pattern: string): string {
  if (typeof pattern !== 'string' || pattern === '') {
    throw new CacheInputError('Expected a pattern to be a glob of logical keys, got nothing');
  }
  // Redis' globs give braces and percent signs no meaning, so encoding the pattern leaves its wildcards as they are.
  return `cache:{${encodeKey(pattern)}}*`;
}
