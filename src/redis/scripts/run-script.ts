import { createHash } from 'node:crypto';
import type { RedisClient } from '../types';
import type { Script } from './script';

const hashes = new WeakMap<Script, string>();

function sha1(script: Script): string {
  let hash = hashes.get(script);
  if (hash === undefined) {
    hash = createHash('sha1').update(script.lua).digest('hex');
    hashes.set(script, hash);
  }
  return hash;
}

/** Runs a script by its hash; a node that doesn't know it yet (new, restarted, flushed) is sent the text. */
export async function evaluate(
  client: RedisClient,
  script: Script,
  keys: readonly string[],
  args: readonly (string | number | Buffer)[],
  buffers: boolean,
): Promise<unknown> {
  const rest = [...keys, ...args];
  try {
    const hash = sha1(script);
    return await (buffers
      ? client.callBuffer('EVALSHA', hash, keys.length, ...rest)
      : client.evalsha(hash, keys.length, ...rest));
  } catch (error) {
    if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
    return buffers
      ? client.callBuffer('EVAL', script.lua, keys.length, ...rest)
      : client.eval(script.lua, keys.length, ...rest);
  }
}
