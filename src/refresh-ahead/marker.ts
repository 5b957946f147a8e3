import { SECOND } from '../clock';
import { companionKey } from '../entities/key';
import type { RedisHandle } from '../redis';
import { defineScript } from '../redis/scripts/script';
import markLua from './lua/mark-1.lua';
import type { RefreshRules } from './refresh-rules';

const markScript = defineScript<Mark>('mark-1', { keys: 1, lua: markLua, writes: true });

/** `asked`: somebody is refreshing it. `over`: its whole lifetime has ended, so it may expire. */
export type Mark = 'granted' | 'asked' | 'over';

/** How long a mark keeps others away, in ms. No load of the entity runs longer. */
export const holdMs = ({ hardTimeoutMs }: RefreshRules): number => hardTimeoutMs + SECOND;

/**
 * Marks an entry as being refreshed, for all processes. Readers never read the mark. The mark of a dead process ends when
 * its load cannot be running any more. A lost mark costs one look at the entry, because the lease decides who loads.
 */
export function mark(redis: RedisHandle, rules: RefreshRules, key: string, endsAt: number): Promise<Mark> {
  const { maxLifetimeMs, hardTimeoutMs, ttlMs } = rules;
  const args = [Math.round(endsAt), maxLifetimeMs, holdMs(rules), Math.round(ttlMs + hardTimeoutMs)];
  return redis.run('cache', markScript, [companionKey(key, 'refresh')], args);
}
