import { execFile } from 'node:child_process';
import { chown, mkdir, readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Client } from 'pg';
import { findProgram, type Program, unpackPackages } from './packages';
import { serverDir } from './paths';
import { freePort } from './ports';
import { ServerProcess } from './server-process';

export interface RunningPostgres {
  /** `postgres://postgres@127.0.0.1:port/postgres` */
  readonly url: string;
  readonly pid: number;
  /** Sends a signal to the server and all its sessions; SIGKILL resolves when the server is gone. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Starts it again on the same port and data, after `kill`. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

const run = promisify(execFile);
/** PostgreSQL refuses to run as root: then it runs as the user that owns nothing. */
const NOBODY = 65_534;
const ATTEMPTS = 5;
const RELAUNCHES = 20;
const RELAUNCH_MS = 250;

/** A real server with data of its own, trusting local connections; undefined if none can be found or unpacked. */
export async function startPostgres(): Promise<RunningPostgres | undefined> {
  const program = await findPostgres();
  if (program === undefined) return undefined;
  const root = process.getuid?.() === 0;
  const user = root ? { uid: NOBODY } : {};
  const dir = await serverDir('postgres');
  if (root) await chown(dir, NOBODY, NOBODY);
  const data = join(dir, 'data');
  const env = { ...process.env, ...program.env };
  await run(
    join(dirname(program.path), 'initdb'),
    ['-D', data, '-U', 'postgres', '-A', 'trust', '-N', '-E', 'UTF8', '--locale', 'C'],
    {
      cwd: dir,
      env,
      ...user,
    },
  );
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort();
    const launch = () => launchPostgres(program, port, dir, data, user);
    try {
      let server = await launch();
      return {
        url: address(port),
        get pid() {
          return server.pid;
        },
        kill: (signal) => signalAll(server, signal),
        restart: async () => {
          await server.end();
          server = await relaunch(launch);
        },
        stop: () => server.stop(),
      };
    } catch (error: unknown) {
      if (attempt === ATTEMPTS || !/in use/i.test(String(error))) throw error;
    }
  }
}

/** The sessions of a killed server hold its shared memory until the kernel has ended them; until then none starts. */
async function relaunch(launch: () => Promise<ServerProcess>): Promise<ServerProcess> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await launch();
    } catch (error: unknown) {
      if (attempt === RELAUNCHES || !/pre-existing shared memory/.test(String(error))) throw error;
      await sleep(RELAUNCH_MS);
    }
  }
}

const address = (port: number) => `postgres://postgres@127.0.0.1:${port}/postgres`;

async function launchPostgres(
  program: Program,
  port: number,
  dir: string,
  data: string,
  user: { uid?: number },
): Promise<ServerProcess> {
  const sockets = join(dir, 'sockets');
  await mkdir(sockets, { recursive: true });
  if (user.uid !== undefined) await chown(sockets, user.uid, user.uid);
  const server = new ServerProcess({
    name: 'postgres',
    command: program.path,
    env: program.env,
    args: ['-D', data, '-p', `${port}`, '-h', '127.0.0.1', '-k', sockets, '-c', 'shared_buffers=32MB'],
    dir,
    ...user,
    // Its fast shutdown: SIGTERM would wait for every client to leave.
    stopSignal: 'SIGINT',
    graceMs: 3_000,
  });
  try {
    await server.until(() => answers(port, data));
    return server;
  } catch (error: unknown) {
    await server.end();
    throw error;
  }
}

/**
 * A killed postmaster alone would leave sessions that go on, and that keep the next one from starting; a frozen one
 * alone would freeze nobody. It is stopped first, so that it begins no more of them meanwhile.
 */
async function signalAll(server: ServerProcess, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
  if (!server.running) return;
  if (signal === 'SIGKILL') await server.kill('SIGSTOP');
  else await server.kill(signal);
  for (const session of await childrenOf(server.pid)) {
    try {
      process.kill(session, signal);
    } catch {
      // It has ended by itself.
    }
  }
  if (signal === 'SIGKILL') await server.kill(signal);
}

async function childrenOf(pid: number): Promise<number[]> {
  const list =
    process.platform === 'linux'
      ? await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')
      : (await run('pgrep', ['-P', `${pid}`])).stdout;
  return list.split(/\s+/).filter(Boolean).map(Number);
}

/** It is ours only if its data are: another process may have won the port. */
async function answers(port: number, data: string): Promise<true | undefined> {
  const client = new Client({ connectionString: address(port), connectionTimeoutMillis: 2_000 });
  client.on('error', () => {});
  try {
    await client.connect();
    const { rows } = await client.query('show data_directory');
    return rows[0]?.data_directory === data || undefined;
  } catch {
    return undefined;
  } finally {
    await client.end().catch(() => {});
  }
}

/** Distributions keep it off PATH, in a folder named by its version. */
async function findPostgres(): Promise<Program | undefined> {
  const system = '/usr/lib/postgresql';
  const folders = (await versions(system)).map((version) => join(system, version, 'bin'));
  const installed = await findProgram({ names: ['initdb'], folders, packages: [] });
  if (installed) return { ...installed, path: join(dirname(installed.path), 'postgres') };
  const root = await unpackPackages(['postgresql']);
  const newest = root && (await versions(join(root, 'usr/lib/postgresql')))[0];
  if (!newest) return undefined;
  const path = join('usr/lib/postgresql', newest, 'bin/postgres');
  return findProgram({ names: [], packages: [{ names: ['postgresql'], path }] });
}

/** Newest first. */
async function versions(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => []);
  return names.filter((name) => /^\d+$/.test(name)).sort((a, b) => Number(b) - Number(a));
}
