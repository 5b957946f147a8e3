import type { SessionRules } from '../options';

/**
 * Keys of the store, page by page, on every master; each once, though SCAN may give it twice. Another's keys under the
 * prefix come too. `strings` leaves out what can't be a record.
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

/** What stands for each session, page by page. */
export async function* idPages(rules: SessionRules): AsyncGenerator<readonly string[]> {
  const { keys } = rules;
  for await (const page of keyPages(rules, true)) {
    yield page.filter((key) => keys.isRecord(key)).map((key) => key.slice(keys.prefix.length));
  }
}
