import type { SessionRules } from '../options';
import { type SessionHandle, sha1 } from './session-handle';
import * as scripts from './session-scripts';

/**
 * Moves a connect-redis record to our key without changing it, so that it can be saved like any other. Another process
 * may do the same or may have destroyed it; the save detects both.
 */
export async function takeOver(
  rules: SessionRules,
  handle: SessionHandle,
  foreignKey: string,
  idleMs: number,
): Promise<void> {
  const { redis, absoluteMs } = rules;
  for (let text = handle.base; ; ) {
    const moved = await redis.run('sessions', scripts.move, [handle.key], [idleMs, absoluteMs, text]);
    if (moved === 0) break;
    const taken = await redis.run('sessions', scripts.takeForeign, [foreignKey], [sha1(text)]);
    if (taken[0] === 'taken') await redis.run('sessions', scripts.settle, [handle.key], []);
    if (taken[0] !== 'conflict') break;
    text = taken[1]; // a server that still uses connect-redis has saved it meanwhile
  }
  handle.foreignKey = undefined;
  handle.expected = '';
}
