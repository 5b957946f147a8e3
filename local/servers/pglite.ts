import { join } from 'node:path';
import { projectRoot, serverDir } from './paths';
import { ServerProcess } from './server-process';

export interface PgliteOptions {
  /** Keep the data in this folder, across starts. Default: in memory, gone at stop. */
  readonly folder?: string;
}

export interface RunningPglite {
  /** `postgres://postgres@127.0.0.1:port/postgres`; up to 20 connections, served one statement at a time. */
  readonly url: string;
  readonly pid: number;
  kill(signal?: NodeJS.Signals): Promise<void>;
  stop(): Promise<void>;
}

/** PostgreSQL as WebAssembly, speaking the wire protocol; resolves when it listens. */
export async function startPglite(options: PgliteOptions = {}): Promise<RunningPglite> {
  const server = new ServerProcess({
    name: 'pglite',
    command: process.execPath,
    args: [join(projectRoot, 'local/servers/pglite-child.cjs')],
    env: { NODE_OPTIONS: '', PGLITE_FOLDER: options.folder ?? '' },
    dir: await serverDir('pglite'),
    graceMs: options.folder ? 5_000 : 0,
  });
  try {
    const port = await server.until(async () => /listening on .*:(\d+)/.exec(await server.log())?.[1], 60_000);
    return {
      url: `postgres://postgres@127.0.0.1:${port}/postgres`,
      pid: server.pid,
      kill: (signal) => server.kill(signal),
      stop: () => server.stop(),
    };
  } catch (error: unknown) {
    await server.stop();
    throw error;
  }
}
