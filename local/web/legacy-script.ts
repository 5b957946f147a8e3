import { randomBytes } from 'node:crypto';
import type { RedisHandle } from '../../src/index';

/**
 * The script that every old deployment has: it writes sessions to Redis by itself, in the form of connect-redis, and
 * forgets to give them a TTL. Answers the keys.
 */
export async function writeSessionsWithoutTtl(redis: RedisHandle, count: number, prefix = 'sess:'): Promise<string[]> {
  const client = redis.client('sessions');
  const keys = Array.from({ length: count }, () => `${prefix}${randomBytes(24).toString('base64url')}`);
  await Promise.all(
    keys.map((key, index) => {
      const cookie = { originalMaxAge: null, expires: null, httpOnly: true, path: '/' };
      return client.set(key, JSON.stringify({ cookie, userId: `legacy-${index}` }));
    }),
  );
  return keys;
}
