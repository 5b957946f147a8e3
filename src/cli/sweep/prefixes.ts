import { CACHE_PREFIX, decodeKey } from '../../entities/key';
import type { RedisHandle } from '../../redis';

const EPOCHS = `${CACHE_PREFIX}epoch:{p:`;
const COUNT = 500;

/**
 * The prefixes that have been invalidated, read from their epochs: the command line knows no app and so none of its
 * entities.
 */
export async function declaredPrefixes(redis: RedisHandle): Promise<readonly string[]> {
  const found = new Set<string>();
  for (const { client } of await redis.nodes('masters', 'cache')) {
    let cursor = '0';
    do {
      const [next, keys] = await redis.within(client.scan(cursor, 'MATCH', `${EPOCHS}*`, 'COUNT', COUNT));
      for (const key of keys) found.add(decodeKey(key.slice(EPOCHS.length, -1)));
      cursor = next;
    } while (cursor !== '0');
  }
  return [...found];
}
