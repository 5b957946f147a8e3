import type { SessionRules } from '../options';
import { type SessionHandle, sha1 } from './session-handle';
import * as scripts from './session-scripts';

/**
 * Moves a record of connect-redis under our key, unchanged, so that it can then be saved like any other. Another
 * process may be at it, or have destroyed it: saving finds out.
 */
export async function takeOver(
  rules: SessionRules,
  handle: SessionHandle,
  foreignKey: string,
  idleMs: number,
): Promise<void> {
  const { redis, absoluteMs } = rules;
  for (let text = handle.base; ; ) {
    const laid = await redis.run('sessions', scripts.move, [handle.key], [idleMs, absoluteMs, text]);
    if (laid === 0) break;
    const taken = await redis.run('sessions', scripts.takeForeign, [foreignKey], [sha1(text)]);
    if (taken[0] === 'taken') await redis.run('sessions', scripts.settle, [handle.key], []);
    if (taken[0] !== 'conflict') break;
    text = taken[1]; // a server that still runs connect-redis saved it meanwhile
  }
  handle.foreignKey = undefined;
  handle.expected = '';
}
