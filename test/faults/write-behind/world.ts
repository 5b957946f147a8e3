import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';
import {
  type RunningAzurite,
  type RunningPostgres,
  type RunningRedis,
  startAzurite,
  startPostgres,
  startRedis,
} from '../../../local/servers';
import { type TcpProxy, tcpProxy } from '../tcp-proxy';
import type { Said } from './child';

const ROOT = join(__dirname, '..', '..', '..');

/** A child that is started again whenever it was killed. */
export class Process {
  #child: ChildProcess | undefined;
  #lives = 0;

  constructor(
    private readonly file: string,
    private readonly args: readonly string[],
    private readonly env: NodeJS.ProcessEnv,
    private readonly onSaid: (said: Said) => void,
  ) {}

  start(): void {
    this.#lives++;
    const [role, name, keys, seed] = this.args as [string, string, string, string];
    const args = [role, `${name}.${this.#lives}`, keys, String(Number(seed) + this.#lives * 1_000)];
    this.#child = fork(this.file, args, { env: this.env, stdio: ['ignore', 'ignore', 'inherit', 'ipc'], execArgv: [] });
    this.#child.on('message', (said) => this.onSaid(said as Said));
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  /** Ends it; resolves when it is gone, and everything it said was heard. */
  async end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'close');
    child.kill('SIGCONT');
    child.kill(signal);
    const patience = setTimeout(() => child.kill('SIGKILL'), 15_000);
    await gone;
    clearTimeout(patience);
  }
}

/** Everything that can be killed, frozen or cut off. */
export interface World {
  readonly redis: RunningRedis;
  readonly postgres: RunningPostgres;
  /** In front of queue, blob and table. */
  readonly storage: readonly TcpProxy[];
  restartStorage(): Promise<void>;
  readonly webs: readonly Process[];
  readonly jobs: Process;
  readonly environment: Record<string, string>;
  stop(): Promise<void>;
}

/** The world, or undefined where this machine can have no PostgreSQL that survives a SIGKILL. */
export async function makeWorld(options: {
  readonly keys: number;
  readonly seed: number;
  readonly webs: number;
  readonly onSaid: (said: Said) => void;
}): Promise<World | undefined> {
  const postgres = await startPostgres();
  if (!postgres) return undefined;
  const dir = await mkdtemp(join(ROOT, '.cache', 'faults-'));
  const folder = join(dir, 'azurite');
  await mkdir(folder);
  let azurite: RunningAzurite = await startAzurite({ folder });
  const redis = await startRedis();
  const storage = await Promise.all(portsOf(azurite.connectionString).map((port) => tcpProxy(port)));
  const connection = portsOf(azurite.connectionString).reduce(
    (text, port, at) => text.replace(`127.0.0.1:${port}/`, `127.0.0.1:${(storage[at] as TcpProxy).port}/`),
    azurite.connectionString,
  );

  const file = join(dir, 'child.cjs');
  await build({
    entryPoints: [join(__dirname, 'child.ts')],
    outfile: file,
    ...{ bundle: true, platform: 'node', target: 'node22', format: 'cjs', packages: 'external', logLevel: 'error' },
    loader: { '.lua': 'text', '.html': 'text', '.css': 'text' },
  });
  const environment: Record<string, string> = {
    ...{ REDIS_URL: redis.url, DATABASE_URL: postgres.url, AzureWebJobsStorage: connection },
    ...{ WRITE_BEHIND_APPEND_TIMEOUT_MS: '1500', WRITE_BEHIND_RETRY_CAP_SECONDS: '1' },
    ...{ DATABASE_CONNECT_TIMEOUT_MS: '1000', DATABASE_STATEMENT_TIMEOUT_MS: '2000' },
  };
  const env = { ...process.env, ...environment };
  const make = (role: string, name: string, at: number) =>
    new Process(file, [role, name, String(options.keys), String(options.seed + at)], env, options.onSaid);

  return {
    ...{ redis, postgres, storage, environment },
    webs: Array.from({ length: options.webs }, (_, at) => make('web', `w${at}`, at)),
    jobs: make('jobs', 'jobs', 99),
    async restartStorage() {
      await azurite.stop();
      azurite = await startAzurite({ folder });
      for (const [at, port] of portsOf(azurite.connectionString).entries()) storage[at]?.target(port);
      for (const proxy of storage) proxy.cut();
    },
    async stop() {
      await Promise.all(storage.map((proxy) => proxy.stop()));
      await Promise.all([redis.stop(), postgres.stop(), azurite.stop()]);
      await rm(dir, { recursive: true, force: true });
    },
  };
}

const portsOf = (connectionString: string): number[] =>
  [...connectionString.matchAll(/127\.0\.0\.1:(\d+)\//g)].map((match) => Number(match[1]));
