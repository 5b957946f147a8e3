import type { Redis } from 'ioredis';

const BATCH = 20_000;

/**
 * Sessions of about 300 bytes as connect-redis keeps them, `sess:0` and on; every tenth has no TTL. On a node of a
 * cluster only those land that are its own.
 */
export async function fill(client: Redis, from: number, to: number): Promise<void> {
  const lua = `
    local body = '{"cookie":{"originalMaxAge":86400000,"httpOnly":true,"path":"/"},"user":"' .. string.rep('x', 220) .. '"}'
    for i = tonumber(ARGV[1]), tonumber(ARGV[2]) - 1 do
      if i % 10 == 0 then redis.pcall('SET', 'sess:' .. i, body)
      else redis.pcall('SET', 'sess:' .. i, body, 'EX', 86400) end
    end`;
  for (let start = from; start < to; start += BATCH) await client.eval(lua, 0, start, Math.min(to, start + BATCH));
}

/** Takes the TTL off every `step`-th session, so that the next sweep has the same work. */
export async function unfix(client: Redis, keys: number, step: number): Promise<void> {
  const lua = `
    for i = tonumber(ARGV[1]), tonumber(ARGV[2]) - 1, tonumber(ARGV[3]) do redis.call('PERSIST', 'sess:' .. i) end`;
  for (let start = 0; start < keys; start += BATCH) {
    await client.eval(lua, 0, start, Math.min(keys, start + BATCH), step);
  }
}

/** Sessions without a TTL: 0 once a sweep has done its work. */
export async function countUnfixed(client: Redis, keys: number): Promise<number> {
  const lua = `
    local n = 0
    for i = tonumber(ARGV[1]), tonumber(ARGV[2]) - 1 do if redis.call('TTL', 'sess:' .. i) == -1 then n = n + 1 end end
    return n`;
  let unfixed = 0;
  for (let start = 0; start < keys; start += BATCH) {
    unfixed += Number(await client.eval(lua, 0, start, Math.min(keys, start + BATCH)));
  }
  return unfixed;
}
