import { dirname, join } from 'node:path';
import { findProgram, type Program } from './packages';

/**
 * Redis 6.0, which is Premium's version, from the release of Debian that has it, unpacked into `.cache/`. Undefined
 * if it is not available: no Debian, no network. Goes into `program` of the servers' options.
 */
export async function findRedis6(): Promise<Program | undefined> {
  const program = await findProgram({
    names: [],
    release: 'bullseye',
    packages: [{ names: ['redis-server', 'redis-tools', 'lua-cjson', 'lua-bitop'], path: 'usr/bin/redis-server' }],
  });
  if (program === undefined) return undefined;
  // Debian's server loads cjson when it starts instead of carrying it.
  const libraries = (program.env.LD_LIBRARY_PATH ?? join(dirname(program.path), '../lib')).split(':');
  const LUA_CPATH = libraries.map((folder) => join(folder, 'lua/5.1/?.so')).join(';');
  return { ...program, env: { ...program.env, LUA_CPATH }, channelRights: false };
}
