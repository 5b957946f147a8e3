import { access, constants, realpath } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { projectRoot } from '../servers/paths';
import { freePort } from '../servers/ports';
import { HostProcess } from './host-process';

export interface FunctionsHostOptions {
  /** All of the environment that the app is to see. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Every line the host or the app prints. */
  readonly onLine: (line: string) => void;
}

export interface FunctionsHost {
  /** `func` or `local`: Microsoft's, or the one of this repository. */
  readonly kind: 'func' | 'local';
  /** `http://127.0.0.1:PORT` */
  readonly address: string;
  readonly process: HostProcess;
  /** Names of all functions of the app. */
  functions(): Promise<readonly string[]>;
  /** Runs a timer-triggered function now; resolves when the host has accepted that, before the run. */
  fire(name: string): Promise<void>;
}

const READY_MS = 120_000;

/** Starts the functions host on the built app; resolves when it says that it runs. */
export async function startFunctionsHost({ env, onLine }: FunctionsHostOptions): Promise<FunctionsHost> {
  const func = await findFunc(env);
  const port = await freePort();
  const script = join(projectRoot, 'dist/local/host.js');
  const app = join(projectRoot, 'dist/app');
  const [command, args] = func
    ? [func, ['start', '--port', `${port}`]]
    : [process.execPath, ['--enable-source-maps', script, '--app-dir', app, '--port', `${port}`]];
  const tail: string[] = [];
  const host = new HostProcess({
    command,
    args,
    cwd: app,
    env: { ...env, FUNCTIONS_WORKER_RUNTIME: 'node' },
    onLine: (line) => {
      if (tail.push(line) > 20) tail.shift();
      onLine(line);
    },
  });
  const address = `http://127.0.0.1:${port}`;
  const end = Date.now() + READY_MS;
  while (!(await isRunning(address))) {
    if (!host.running || Date.now() > end) {
      await host.kill();
      throw new Error(`The functions host did not start: ${tail.join('\n')}`);
    }
    await sleep(50);
  }
  return {
    kind: func ? 'func' : 'local',
    address,
    process: host,
    async functions() {
      const listed = (await (await fetch(`${address}/admin/functions`)).json()) as { name: string }[];
      return listed.map(({ name }) => name);
    },
    async fire(name) {
      const answer = await fetch(`${address}/admin/functions/${name}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: '{"input":""}',
      });
      if (answer.status !== 202) throw new Error(`The host did not run ${name}: it answered ${answer.status}`);
    },
  };
}

async function isRunning(address: string): Promise<boolean> {
  try {
    const answer = await fetch(`${address}/admin/host/status`, { signal: AbortSignal.timeout(2_000) });
    const { state } = (await answer.json()) as { state?: string };
    return state === 'Running';
  } catch {
    return false;
  }
}

/**
 * Microsoft's host, where its binary is really there: the npm package alone is a shim that would try to download it.
 * `STEWARD_HOST=local` or `func` insists on one of the two.
 */
async function findFunc(env: Readonly<Record<string, string | undefined>>): Promise<string | undefined> {
  if (env.STEWARD_HOST === 'local') return undefined;
  const own = join(projectRoot, 'node_modules/azure-functions-core-tools/bin');
  for (const folder of [own, ...(env.PATH ?? '').split(delimiter).filter(Boolean)]) {
    const found = await binaryOf(join(folder, 'func'));
    if (found) return found;
  }
  if (env.STEWARD_HOST === 'func') throw new Error('STEWARD_HOST=func: the binary of func was not found');
  return undefined;
}

/** The binary that a `func` is or, for a shim of the npm package, stands for; undefined where there is none. */
export async function binaryOf(func: string): Promise<string | undefined> {
  try {
    const real = await realpath(func);
    const binary = real.endsWith('.js') ? join(dirname(real), '..', 'bin', 'func') : real;
    await access(binary, constants.X_OK);
    return binary;
  } catch {
    return undefined;
  }
}
