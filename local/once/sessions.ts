import type { RedisHandle } from '../../src/index';
import { writeSessionsWithoutTtl } from '../web/legacy-script';
import type { Visitors } from '../web/visitors';
import type { SessionEvidence } from './evidence';
import { evenly, retried } from './steady-load';

const AT_ONCE = 16;
const INDEXES = 'sess:user:{';

/** Logs visitors in through the web app, and has the legacy script write the rest. */
export async function makeSessions(
  visitors: Visitors,
  redis: RedisHandle,
  { run, sessions, withoutTtl, durationMs }: { run: string; sessions: number; withoutTtl: number; durationMs: number },
): Promise<SessionEvidence> {
  const before = new Set((await sessionTtls(redis)).keys());
  let created = 0;
  const legacy = await writeSessionsWithoutTtl(redis, withoutTtl);
  await evenly(sessions - withoutTtl, durationMs, AT_ONCE, async (index) => {
    const cookie = await retried(() => visitors.login(`once-${run}-${index}`));
    await retried(() => visitors.visit(cookie));
    created += 1;
  });
  return { before, created: created + legacy.length, withoutTtl: legacy };
}

/** The TTL in ms of every session record in Redis, by key; -1 if it has none. By SCAN of every master. */
export async function sessionTtls(redis: RedisHandle, prefix = 'sess:'): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  for (const { client } of await redis.nodes('masters', 'sessions')) {
    let cursor = '0';
    do {
      const [next, keys] = await client.scan(cursor, 'MATCH', `${prefix}*`, 'COUNT', 1_000);
      cursor = next;
      const records = keys.filter((key) => !key.startsWith(INDEXES));
      const ttls = await Promise.all(records.map((key) => client.pttl(key)));
      // -2: gone in between.
      records.forEach((key, index) => {
        if (ttls[index] !== -2) found.set(key, ttls[index] ?? -1);
      });
    } while (cursor !== '0');
  }
  return found;
}
