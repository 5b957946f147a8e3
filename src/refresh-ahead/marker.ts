import { SECOND } from '../clock';
import { companionKey } from '../entities/key';
import type { RedisHandle } from '../redis';
import { defineScript } from '../redis/scripts/script';
import markLua from './lua/mark-1.lua';
import type { RefreshRules } from './refresh-rules';

const markScript = defineScript<Mark>('mark-1', { keys: 1, lua: markLua, writes: true });

/** `asked`: somebody is at it; `over`: at the end of its whole lifetime, to be let go. */
export type Mark = 'granted' | 'asked' | 'over';

/** How long a mark holds others off, in ms: no load of the entity runs longer. */
export const holdMs = ({ hardTimeoutMs }: RefreshRules): number => hardTimeoutMs + SECOND;

/**
 * Marks an entry as being refreshed, for all processes. Readers never look at it. A mark whose process died gives way
 * when its load can't be running any more; a lost one costs a look at the entry, since the lease decides who loads.
 */
export function mark(redis: RedisHandle, rules: RefreshRules, key: string, endsAt: number): Promise<Mark> {
  const { maxLifetimeMs, hardTimeoutMs, ttlMs } = rules;
  const args = [Math.round(endsAt), maxLifetimeMs, holdMs(rules), Math.round(ttlMs + hardTimeoutMs)];
  return redis.run('cache', markScript, [companionKey(key, 'refresh')], args);
}
