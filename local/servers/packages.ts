import { execFile } from 'node:child_process';
import { access, constants, mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { coerceError } from '../../src/errors';
import { withLock } from './lock';
import { sourcesOf } from './package-sources';
import { cacheDir } from './paths';

const run = promisify(execFile);
const MINUTE = 60_000;

/** A program that can be run, wherever it comes from. */
export interface Program {
  readonly path: string;
  /** What it needs in its environment: the library path of an unpacked package, else nothing. */
  readonly env: Readonly<Record<string, string>>;
  /** False for a Redis before 6.2, whose ACL has no rights on channels. Default: true. */
  readonly channelRights?: boolean;
}

export interface ProgramSource {
  /** Names to look for on PATH, the preferred one first. */
  readonly names: readonly string[];
  /** Folders to look in besides PATH. */
  readonly folders?: readonly string[];
  /**
   * The distribution's packages to fall back to, and the program's path inside them. The packages named are always
   * unpacked; of what they depend on, what the system lacks.
   */
  readonly packages: readonly { readonly names: readonly string[]; readonly path: string }[];
  /** Another release of the distribution to take the packages from, for an older program: `bullseye`. */
  readonly release?: string;
}

/** Finds a program on the machine, or unpacks it from the distribution's packages into `.cache/`; installs nothing. */
export async function findProgram(source: ProgramSource): Promise<Program | undefined> {
  const folders = [...(process.env.PATH ?? '').split(delimiter), ...(source.folders ?? [])];
  for (const name of source.names) {
    for (const folder of folders) {
      if (folder !== '' && (await isProgram(join(folder, name)))) return { path: join(folder, name), env: {} };
    }
  }
  for (const { names, path } of source.packages) {
    const root = await unpackPackages(names, source.release);
    if (root === undefined) continue;
    const found = join(root, path);
    if (await isProgram(found)) return { path: found, env: { LD_LIBRARY_PATH: await libraryPath(root) } };
  }
  return undefined;
}

async function isProgram(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

/**
 * Downloads packages with what they lack on this system, and unpacks them into one folder under `.cache/packages/`.
 * apt is given lists and a cache of its own there, so neither root nor a fresh `apt-get update` is needed. Gives the
 * folder, or undefined if there is no apt, no such package or no network; a second call is instant.
 */
export async function unpackPackages(names: readonly string[], release?: string): Promise<string | undefined> {
  const packages = join(cacheDir, 'packages');
  const root = join(packages, [...(release ? [release] : []), ...names].join('+'));
  if (await exists(root)) return root;
  await mkdir(packages, { recursive: true });
  return withLock(join(packages, 'lock'), async () => {
    if (await exists(root)) return root;
    const partial = `${root}.partial`;
    await rm(partial, { recursive: true, force: true });
    try {
      await downloadAndUnpack(names, partial, release);
      await rename(partial, root);
      return root;
    } catch (thrown: unknown) {
      await writeFile(join(packages, 'last-failure.log'), `${names.join(' ')}: ${coerceError(thrown).message}\n`);
      return undefined;
    } finally {
      await rm(partial, { recursive: true, force: true });
    }
  });
}

async function downloadAndUnpack(names: readonly string[], root: string, release?: string): Promise<void> {
  const state = join(root, 'apt');
  const archives = join(state, 'cache/archives');
  for (const dir of [join(archives, 'partial'), join(state, 'lists/partial')]) await mkdir(dir, { recursive: true });
  const options = [
    `Dir::State=${state}`,
    `Dir::State::lists=${state}/lists`,
    `Dir::Cache=${state}/cache`,
    'Dir::State::status=/var/lib/dpkg/status',
    'Debug::NoLocking=true',
    'APT::Sandbox::User=root',
    'Acquire::Languages=none',
    'Acquire::Retries=1',
    'Acquire::http::Timeout=20',
    ...(release ? await sourceOptions(state, release) : []),
  ].flatMap((option) => ['-o', option]);
  const apt = (...args: string[]) => run('apt-get', [...options, '-q', '-y', ...args], { timeout: 3 * MINUTE });
  // One unreachable source makes update fail; what matters is whether the packages are found afterwards.
  await apt('update').catch(() => {});
  await apt('install', '--download-only', '--reinstall', '--no-install-recommends', ...names);
  for (const file of await readdir(archives)) {
    if (file.endsWith('.deb')) await run('dpkg', ['-x', join(archives, file), root], { timeout: MINUTE });
  }
  await rm(state, { recursive: true, force: true });
}

/** Makes apt look at one other release only, on the servers that the system itself uses. */
async function sourceOptions(state: string, release: string): Promise<string[]> {
  const file = join(state, 'sources.list');
  await writeFile(file, `${(await sourcesOf(release)).join('\n')}\n`);
  return [`Dir::Etc::sourcelist=${file}`, 'Dir::Etc::sourceparts=-'];
}

/** Every folder in which distributions put shared libraries, as far as it is there. */
async function libraryPath(root: string): Promise<string> {
  const folders: string[] = [];
  for (const base of ['usr/lib', 'lib']) {
    const dir = join(root, base);
    const below = await readdir(dir).catch(() => []);
    if (below.length > 0) folders.push(dir);
    folders.push(...below.filter((name) => name.includes('-linux-')).map((name) => join(dir, name)));
  }
  return [...folders, process.env.LD_LIBRARY_PATH].filter(Boolean).join(':');
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
