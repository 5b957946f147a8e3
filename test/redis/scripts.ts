import { defineScript } from '../../src/redis';

/** Adds ARGV[2] to a counter: applied twice or late, it shows. */
export const bump = defineScript<number>('bump', {
  keys: 1,
  writes: true,
  lua: `local sum = (tonumber(redis.call('GET', KEYS[1])) or 0) + ARGV[2]
    redis.call('SET', KEYS[1], sum)
    return sum`,
});

export const peek = defineScript<string | null>('peek', {
  keys: 1,
  writes: false,
  lua: "return redis.call('GET', KEYS[1])",
});
