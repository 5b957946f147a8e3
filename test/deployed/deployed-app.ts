import { randomUUID } from 'node:crypto';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { projectRoot } from '../../local/servers/paths';
import { HostProcess } from '../../local/stack/host-process';
import { jobRunOf } from '../../local/stack/job-line';
import { JobRuns } from '../../local/stack/job-runs';
import { networkPreload } from './network-preload';
import type { Platform } from './platform';

/** An invocation of a function that has ended. */
export interface Invocation {
  readonly function: string;
  readonly ok: boolean;
  readonly error?: string;
}

/** The published app under the local host, alone in a folder and in a process of its own. */
export interface DeployedApp {
  /** `http://127.0.0.1:PORT` */
  readonly address: string;
  readonly functions: readonly { readonly name: string; readonly trigger: string }[];
  readonly runs: JobRuns;
  readonly invocations: readonly Invocation[];
  /** Everything that the host and the app printed. */
  readonly lines: readonly string[];
  readonly keys: { readonly master: string; readonly function: string };
  readonly process: HostProcess;
  /** With a key, or as anybody. */
  request(path: string, init?: RequestInit & { readonly key?: 'master' | 'function' }): Promise<Response>;
  /** Runs a function through the admin route. */
  fire(name: string, input?: string): Promise<void>;
  /** Whether a timer's job has run more often than it was fired through the admin route. */
  ranByTheClock(job: string): boolean;
  /** Resolves with the exit code once it has drained. */
  stop(): Promise<number | null>;
}

export interface DeployedAppOptions {
  /** The app settings. Default: those of the platform's deployment. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Changes the copied artifact before it starts. */
  readonly change?: (folder: string) => Promise<void>;
}

/** What Flex Consumption itself sets for a Node app. */
const FLEX = {
  FUNCTIONS_WORKER_RUNTIME: 'node',
  FUNCTIONS_EXTENSION_VERSION: '~4',
  WEBSITE_SKU: 'FlexConsumption',
  WEBSITE_OS: 'linux',
  TZ: 'UTC',
};
const READY_MS = 60_000;
const DRAIN_MS = 30_000;

/** Starts a copy of `dist/app` with exactly the deployment's settings; resolves when the host listens. */
export async function startDeployedApp(platform: Platform, options: DeployedAppOptions = {}): Promise<DeployedApp> {
  const folder = await mkdtemp(join(tmpdir(), 'steward-deployed-'));
  const app = join(folder, 'app');
  await cp(join(projectRoot, 'dist/app'), app, { recursive: true });
  await options.change?.(app);
  const network = await networkPreload(folder, platform.network);

  const keys = { master: randomUUID(), function: randomUUID() };
  const settings = options.settings ?? platform.settings;
  const runs = new JobRuns();
  const fired: string[] = [];
  const invocations: Invocation[] = [];
  const lines: string[] = [];
  let listening: (started: Listening) => void = () => {};
  const host = new HostProcess({
    command: process.execPath,
    args: [join(projectRoot, 'dist/local/host.js'), '--app-dir', app, '--port', '0', '--enable-auth'],
    cwd: folder,
    env: {
      PATH: process.env.PATH,
      ...FLEX,
      WEBSITE_SITE_NAME: platform.siteName,
      WEBSITE_INSTANCE_ID: randomUUID(),
      ...platform.appEnvironment,
      NODE_EXTRA_CA_CERTS: platform.caFile,
      NODE_OPTIONS: `--require ${network}`,
      LOCAL_HOST_MASTER_KEY: keys.master,
      LOCAL_HOST_FUNCTION_KEY: keys.function,
      ...settings,
    },
    onLine: (line) => {
      lines.push(line);
      const run = jobRunOf(line);
      if (run) runs.add(run);
      const said = parsed(line);
      if (said?.event === 'invocation') invocations.push(said as unknown as Invocation);
      if (typeof said?.listening === 'string') listening(said as unknown as Listening);
    },
  });
  const started = await Promise.race([
    new Promise<Listening>((resolve) => {
      listening = resolve;
    }),
    host.exited.then(() => undefined),
    new Promise<undefined>((resolve) => {
      setTimeout(() => resolve(undefined), READY_MS).unref();
    }),
  ]);
  if (!started) {
    await host.kill();
    await rm(folder, { recursive: true, force: true });
    throw new Error(`The deployed app did not start:\n${lines.slice(-20).join('\n')}`);
  }

  const request: DeployedApp['request'] = (path, { key, ...init } = {}) => {
    const headers = new Headers(init.headers);
    if (key) headers.set('x-functions-key', keys[key]);
    return fetch(`${started.listening}${path}`, { ...init, headers });
  };
  return {
    ...{ address: started.listening, functions: started.functions, runs, invocations, lines, keys, request },
    process: host,
    async fire(name, input = '') {
      fired.push(name);
      const answer = await request(`/admin/functions/${name}`, {
        ...{ key: 'master', method: 'POST', body: JSON.stringify({ input }) },
        headers: { 'content-type': 'application/json' },
      });
      if (answer.status !== 202) throw new Error(`The host did not run ${name}: it answered ${answer.status}`);
    },
    ranByTheClock: (job) =>
      runs.all.filter((run) => run.job === job).length > fired.filter((name) => name === job).length,
    async stop() {
      const code = await host.stop(DRAIN_MS);
      await rm(folder, { recursive: true, force: true });
      return code;
    },
  };
}

interface Listening {
  readonly listening: string;
  readonly functions: DeployedApp['functions'];
}

function parsed(line: string): Record<string, unknown> | undefined {
  try {
    return line.startsWith('{') ? (JSON.parse(line) as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
