import { coerceError, errorCode } from '../errors';
import type { RedisHandle } from '../redis';
import { checkRedisPermissions } from './checks/check-redis-permissions';
import { checkServer } from './checks/check-server';
import { limited } from './checks/limited';
import { type Finding, fault, ok } from './finding';

/** Signs in, tries every right, and looks at the server. Never rejects. */
export async function examineRedis(redis: RedisHandle, limitMs: number): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  try {
    await redis.ready(limitMs);
    findings.push(ok('redis.identity', `signed in, ${redis.mode}`));
    for (const check of [checkRedisPermissions, checkServer]) findings.push(...(await limited(check(redis))));
  } catch (error) {
    findings.push(redisFault(error));
  }
  return findings;
}

function redisFault(error: unknown): Finding {
  const detail = `${errorCode(error)}: ${coerceError(error).message}`;
  if (/WRONGPASS|NOAUTH|no credentials/.test(detail)) {
    const advice =
      'Check REDIS_AUTH: the password in REDIS_URL, or the identity’s access policy and REDIS_ENTRA_USER, or the key in the vault.';
    return fault('redis.identity', detail, advice);
  }
  return fault('redis.connection', detail, 'Read the message; docs/redis.md has a table of them.');
}
