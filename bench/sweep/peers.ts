import type { Redis } from 'ioredis';

/** What else could be done. Each answers keys a second over the whole keyspace. */

/** The story's loop: KEYS, then TTL and EXPIRE one by one; the one-by-one part is measured on the first `sample` keys. */
export async function storyLoop(client: Redis, sample: number): Promise<number> {
  const began = performance.now();
  const keys = await client.keys('sess:*');
  const listed = performance.now();
  for (const key of keys.slice(0, sample)) {
    if ((await client.ttl(key)) === -1) await client.expire(key, 86_400);
  }
  const perKeyMs = (performance.now() - listed) / Math.min(sample, keys.length);
  return (keys.length * 1_000) / (listed - began + perKeyMs * keys.length);
}

/** SCAN, a pipeline of TTL, a pipeline of EXPIRE. */
export async function scanAndPipelines(client: Redis, count: number): Promise<number> {
  const began = performance.now();
  let cursor = '0';
  let examined = 0;
  do {
    const [next, keys] = await client.scan(cursor, 'MATCH', 'sess:*', 'COUNT', count);
    const ttls = await client.pipeline(keys.map((key) => ['ttl', key])).exec();
    const missing = keys.filter((_, index) => ttls?.[index]?.[1] === -1);
    if (missing.length > 0) await client.pipeline(missing.map((key) => ['expire', key, '86400'])).exec();
    cursor = next;
    examined += keys.length;
  } while (cursor !== '0');
  return (examined * 1_000) / (performance.now() - began);
}

const BARE = `
  local batch = redis.call('SCAN', ARGV[1], 'COUNT', ARGV[2])
  local fixed = 0
  for _, key in ipairs(batch[2]) do fixed = fixed + redis.call('EXPIRE', key, 86400, 'NX') end
  return { batch[1], #batch[2], fixed }`;

/** The limit: SCAN and EXPIRE NX in one call a batch, and nothing else. */
export async function bareLuaLoop(client: Redis, count: number): Promise<number> {
  const hash = String(await client.script('LOAD', BARE));
  const began = performance.now();
  let cursor = '0';
  let examined = 0;
  do {
    const batch = (await client.evalsha(hash, 0, cursor, count)) as [string, number, number];
    cursor = batch[0];
    examined += batch[1];
  } while (cursor !== '0');
  return (examined * 1_000) / (performance.now() - began);
}
