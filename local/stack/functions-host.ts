import { access, constants, realpath } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { HostKeys } from '../host/keys';
import { projectRoot } from '../servers/paths';
import { freePort } from '../servers/ports';
import { HostProcess } from './host-process';
import { troubleOf } from './job-line';

export interface FunctionsHostOptions {
  /** All of the environment that the app is to see. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Every line the host or the app prints. */
  readonly onLine: (line: string) => void;
  /** The keys that callers must bring; only for the local host. Default: everybody may call everything. */
  readonly keys?: HostKeys;
  /** How long the local host waits at its end for what is under way. Default: as long as the real one, 10. */
  readonly drainSeconds?: number;
}

export interface FunctionsHost {
  /** `func` or `local`: Microsoft's, or the one of this repository. */
  readonly kind: 'func' | 'local';
  /** `http://127.0.0.1:PORT` */
  readonly address: string;
  readonly process: HostProcess;
  /** All functions of the app, with the type of their trigger: `httpTrigger`. */
  functions(): Promise<readonly { readonly name: string; readonly trigger: string }[]>;
  /** Runs a timer-triggered function now; resolves when the host has accepted that, before the run. */
  fire(name: string): Promise<void>;
}

/** As each of the two hosts lists a function. */
interface ListedFunction {
  readonly name: string;
  readonly trigger?: string;
  readonly config?: { readonly bindings?: readonly { readonly type: string }[] };
}

const READY_MS = 120_000;
const ATTEMPTS = 5;

/** Starts the functions host on the built app; resolves when it says that it runs. */
export async function startFunctionsHost(options: FunctionsHostOptions): Promise<FunctionsHost> {
  const func = await findFunc(options.env);
  const headers: Record<string, string> = options.keys ? { 'x-functions-key': options.keys.master } : {};
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort();
    const tail: string[] = [];
    const host = launch(func, port, options, (line) => {
      if (tail.push(troubleOf(line) ?? line) > 20) tail.shift();
      options.onLine(line);
    });
    const address = `http://127.0.0.1:${port}`;
    if (await runs(host, address, headers)) return running(func ? 'func' : 'local', address, host, headers);
    await host.kill();
    const said = tail.join('\n');
    // Another process may have taken the port meanwhile.
    if (attempt < ATTEMPTS && /EADDRINUSE|already in use|is unavailable/i.test(said)) continue;
    throw new Error(`The functions host did not start: ${said}`);
  }
}

function launch(
  func: string | undefined,
  port: number,
  { env, keys, drainSeconds }: FunctionsHostOptions,
  onLine: (line: string) => void,
): HostProcess {
  const script = join(projectRoot, 'dist/local/host.js');
  const app = join(projectRoot, 'dist/app');
  const local = [
    ...['--enable-source-maps', script, '--app-dir', app, '--port', `${port}`],
    ...(drainSeconds === undefined ? [] : ['--drain-seconds', `${drainSeconds}`]),
    ...(keys ? ['--enable-auth'] : []),
  ];
  const keyed = keys && { LOCAL_HOST_MASTER_KEY: keys.master, LOCAL_HOST_FUNCTION_KEY: keys.function };
  return new HostProcess({
    command: func ?? process.execPath,
    args: func ? ['start', '--port', `${port}`] : local,
    cwd: app,
    env: { ...env, FUNCTIONS_WORKER_RUNTIME: 'node', ...keyed },
    onLine,
  });
}

async function runs(host: HostProcess, address: string, headers: Record<string, string>): Promise<boolean> {
  const end = Date.now() + READY_MS;
  while (host.running && Date.now() < end) {
    if (await isRunning(address, headers)) return true;
    await sleep(50);
  }
  return false;
}

function running(
  kind: FunctionsHost['kind'],
  address: string,
  process: HostProcess,
  headers: Record<string, string>,
): FunctionsHost {
  return {
    ...{ kind, address, process },
    async functions() {
      const listed = (await (await fetch(`${address}/admin/functions`, { headers })).json()) as ListedFunction[];
      return listed.map(({ name, trigger, config }) => {
        const bindings = config?.bindings ?? [];
        return { name, trigger: trigger ?? bindings.find(({ type }) => /trigger$/i.test(type))?.type ?? '' };
      });
    },
    async fire(name) {
      const answer = await fetch(`${address}/admin/functions/${name}`, {
        method: 'POST',
        headers: { ...headers, 'content-type': 'application/json' },
        body: '{"input":""}',
      });
      if (answer.status !== 202) throw new Error(`The host did not run ${name}: it answered ${answer.status}`);
    },
  };
}

async function isRunning(address: string, headers: Record<string, string>): Promise<boolean> {
  try {
    const answer = await fetch(`${address}/admin/host/status`, { headers, signal: AbortSignal.timeout(2_000) });
    const { state } = (await answer.json()) as { state?: string };
    return state === 'Running';
  } catch {
    return false;
  }
}

/**
 * Microsoft's host, if its binary is really there: the npm package alone is a shim that would try to download it.
 * `STEWARD_HOST=local` or `func` insists on one of the two.
 */
export async function findFunc(env: Readonly<Record<string, string | undefined>>): Promise<string | undefined> {
  const wanted = env.STEWARD_HOST || undefined;
  if (wanted === 'local') return undefined;
  if (wanted !== undefined && wanted !== 'func') {
    throw new Error(`STEWARD_HOST: expected local or func, got ${JSON.stringify(wanted)}`);
  }
  const own = join(projectRoot, 'node_modules/azure-functions-core-tools/bin');
  for (const folder of [own, ...(env.PATH ?? '').split(delimiter).filter(Boolean)]) {
    const found = await binaryOf(join(folder, 'func'));
    if (found) return found;
  }
  if (wanted) throw new Error('STEWARD_HOST: expected local, since the binary of func was not found, got "func"');
  return undefined;
}

/** The binary that a `func` is or, for a shim of the npm package, stands for; undefined if there is none. */
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
