import type { SessionRules } from '../options';

/**
 * All keys with the store's prefix, in pages, from every master. Each key comes once, although SCAN may return it twice.
 * Keys of others with the same prefix are included. `strings` leaves out keys that cannot be a record.
 */
export async function* keyPages(rules: SessionRules, strings: boolean): AsyncGenerator<readonly string[]> {
  const { redis, keys, scanCount } = rules;
  const seen = new Set<string>();
  for (const { client } of await redis.nodes('masters', 'sessions')) {
    let cursor = '0';
    do {
      const page = strings
        ? client.scan(cursor, 'MATCH', keys.pattern, 'COUNT', scanCount, 'TYPE', 'string')
        : client.scan(cursor, 'MATCH', keys.pattern, 'COUNT', scanCount);
      const [next, found] = await redis.within(page);
      cursor = next;
      const fresh = found.filter((key) => !seen.has(key));
      for (const key of fresh) seen.add(key);
      if (fresh.length > 0) yield fresh;
    } while (cursor !== '0');
  }
}

/** The id in Redis of each session, in pages. */
export async function* idPages(rules: SessionRules): AsyncGenerator<readonly string[]> {
  const { keys } = rules;
  for await (const page of keyPages(rules, true)) {
    yield page.filter((key) => keys.isRecord(key)).map((key) => key.slice(keys.prefix.length));
  }
}
