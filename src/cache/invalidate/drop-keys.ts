import { companionKey, encodeKey, logicalKey, physicalKey } from '../../entities/key';
import type { RedisHandle, RedisNode } from '../../redis/types';
import { dropScript } from '../entry/cache-scripts';
import { CacheInputError } from '../errors';

/** Keys asked for by one SCAN. */
const SCAN_COUNT = 500;

/** The glob of physical keys that stands for a glob of logical ones, entries and companions alike. */
export function physicalGlob(pattern: string): string {
  if (typeof pattern !== 'string' || pattern === '') {
    throw new CacheInputError('Expected a pattern to be a glob of logical keys, got nothing');
  }
  return `cache:{${encodeGlob(pattern)}}*`;
}

/** The pattern with its literal characters encoded as those of keys are; a percent sign is none of glob's characters. */
const encodeGlob = (pattern: string): string => encodeKey(pattern);

/**
 * Takes away what matches, entries and leases, on every master. Answers how many entries went. `issued`: the version
 * of the invalidation, so that it spares dirty entries that came after it; '' for now.
 *
 * Two passes, since a load may store while one runs: its lease is gone before the SCAN comes to it, its entry stands
 * where the SCAN has been. After the first pass, over leases, no load that began before can store any more; the second
 * finds all that was stored until then.
 */
export async function dropPattern(redis: RedisHandle, pattern: string, issued = ''): Promise<number> {
  const glob = physicalGlob(pattern);
  const nodes = await redis.nodes('masters', 'cache');
  const counts = await Promise.all(
    nodes.map(async (node) => {
      const refreshed = await dropOn(redis, node, `${glob.slice(0, -1)}:lease`, issued);
      return refreshed + (await dropOn(redis, node, glob, issued));
    }),
  );
  return counts.reduce((sum, one) => sum + one, 0);
}

async function dropOn(redis: RedisHandle, { client }: RedisNode, glob: string, issued: string): Promise<number> {
  let dropped = 0;
  let cursor = '0';
  do {
    const [next, found] = await redis.within(client.scan(cursor, 'MATCH', glob, 'COUNT', SCAN_COUNT));
    cursor = next;
    // An entry and its lease may both be on the page, or in pages far apart: either is enough to drop both.
    const keys = new Set(found.map(ownKey).filter((key) => key !== undefined));
    const results = await Promise.all([...keys].map((key) => drop(redis, key, issued)));
    dropped += results.reduce((sum, one) => sum + one, 0);
  } while (cursor !== '0');
  return dropped;
}

/** The logical key of an entry or a lease; a foreign key that merely begins like one is none. */
function ownKey(physical: string): string | undefined {
  const key = logicalKey(physical);
  if (key === undefined) return undefined;
  return physical === physicalKey(key) || physical === companionKey(key, 'lease') ? key : undefined;
}

export const drop = (redis: RedisHandle, key: string, issued: string): Promise<number> =>
  redis.run('cache', dropScript, [physicalKey(key), companionKey(key, 'lease')], [issued, '']);
