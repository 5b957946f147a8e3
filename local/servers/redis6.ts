import { execFile } from 'node:child_process';
import { access, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { withLock } from './lock';
import type { Program } from './packages';
import { cacheDir } from './paths';

const run = promisify(execFile);
const MINUTE = 60_000;
/** The release of Debian that has Redis 6.0, which is Premium's version. */
const SUITE = 'bullseye';
const PACKAGES = [
  ...['redis-server', 'redis-tools', 'liblua5.1-0', 'lua-cjson', 'lua-bitop'],
  ...['libhiredis0.14', 'liblzf1', 'libssl1.1', 'libjemalloc2', 'libatomic1'],
];

/**
 * Redis 6.0, unpacked from an older release of the distribution into `.cache/`, from wherever this machine's own
 * packages come. Undefined where that can't be had: no Debian, no network.
 */
export async function findRedis6(): Promise<Program | undefined> {
  const packages = join(cacheDir, 'packages');
  const root = join(packages, `redis-server-${SUITE}`);
  await mkdir(packages, { recursive: true });
  const there = await withLock(join(packages, 'lock-redis6'), async () => {
    const has = () =>
      access(join(root, 'usr/bin/redis-server')).then(
        () => true,
        () => false,
      );
    if (await has()) return true;
    const partial = `${root}.partial`;
    try {
      await download(partial);
      await rename(partial, root);
      return await has();
    } catch {
      return false;
    } finally {
      await rm(partial, { recursive: true, force: true });
    }
  });
  if (!there) return undefined;
  const libraries = join(root, 'usr/lib');
  const triplets = (await readdir(libraries)).filter((name) => name.includes('-linux-'));
  const folders = [libraries, ...triplets.map((name) => join(libraries, name))];
  return {
    path: join(root, 'usr/bin/redis-server'),
    env: {
      LD_LIBRARY_PATH: folders.join(':'),
      // Debian's server loads cjson when it starts instead of carrying it.
      LUA_CPATH: folders.map((folder) => join(folder, 'lua/5.1/?.so')).join(';'),
    },
  };
}

async function download(folder: string): Promise<void> {
  const archives = join(folder, 'archives');
  for (const dir of ['lists/partial', 'cache/archives/partial', 'archives']) {
    await mkdir(join(folder, dir), { recursive: true });
  }
  const { stdout } = await run('apt-get', ['indextargets', '--format', '$(REPO_URI)', 'Created-By: Packages'], {
    timeout: MINUTE,
  });
  const [mirror] = stdout.split('\n').filter((uri) => /\/debian\/?$/.test(uri));
  if (!mirror) throw new Error('no Debian mirror is configured here');
  await writeFile(join(folder, 'sources.list'), `deb ${mirror} ${SUITE} main\n`);
  const options = [
    `Dir::Etc::sourcelist=${folder}/sources.list`,
    'Dir::Etc::sourceparts=-',
    `Dir::State::lists=${folder}/lists`,
    `Dir::Cache=${folder}/cache`,
    'APT::Sandbox::User=root',
    'Debug::NoLocking=true',
    'Acquire::Languages=none',
    'Acquire::Retries=1',
    'Acquire::http::Timeout=20',
  ].flatMap((option) => ['-o', option]);
  await run('apt-get', [...options, '-q', 'update'], { timeout: 2 * MINUTE });
  const named = PACKAGES.map((name) => `${name}/${SUITE}`);
  await run('apt-get', [...options, '-q', 'download', ...named], { timeout: 2 * MINUTE, cwd: archives });
  for (const file of await readdir(archives)) await run('dpkg', ['-x', join(archives, file), folder]);
  for (const dir of ['lists', 'cache', 'archives']) await rm(join(folder, dir), { recursive: true, force: true });
}
