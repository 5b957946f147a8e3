import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { build, type Plugin } from 'esbuild';
import {
  type RunningAzurite,
  type RunningPostgres,
  type RunningRedis,
  startAzurite,
  startPostgres,
  startRedis,
} from '../../../local/servers';
import { cacheDir, projectRoot } from '../../../local/servers/paths';
import { stackEnvironment } from '../../../local/stack/settings';
import { type TcpProxy, tcpProxy } from '../tcp-proxy';
import { Process } from './process';
import type { Said } from './web';

/** Everything that can be killed, frozen or cut off. */
export interface World {
  readonly redis: RunningRedis;
  readonly postgres: RunningPostgres;
  /** In front of blob, queue and table. */
  readonly storage: readonly TcpProxy[];
  restartStorage(): Promise<void>;
  readonly webs: readonly Process[];
  readonly host: Process;
  readonly environment: Record<string, string>;
  stop(): Promise<void>;
}

export interface WorldOptions {
  readonly keys: number;
  readonly seed: number;
  readonly webs: number;
  readonly onSaid: (said: Said) => void;
  readonly onFailure: (words: string) => void;
}

/** The real host's lease is ten minutes: a killed one's messages would come back only then. */
const LEASE_SECONDS = 4;

/** The world, or undefined if this machine can have no PostgreSQL that survives a SIGKILL. */
export async function makeWorld({ keys, seed, webs, onSaid, onFailure }: WorldOptions): Promise<World | undefined> {
  const postgres = await startPostgres();
  if (!postgres) return undefined;
  await mkdir(cacheDir, { recursive: true });
  const dir = await mkdtemp(join(cacheDir, 'faults-'));
  const folder = join(dir, 'azurite');
  await mkdir(folder);
  const [redis] = await Promise.all([startRedis(), makeApp(dir)]);
  let azurite: RunningAzurite = await startAzurite({ folder });
  const storage = await Promise.all(portsOf(azurite.connectionString).map((port) => tcpProxy(port)));
  const connection = portsOf(azurite.connectionString).reduce(
    (text, port, at) => text.replace(`127.0.0.1:${port}/`, `127.0.0.1:${(storage[at] as TcpProxy).port}/`),
    azurite.connectionString,
  );

  const environment: Record<string, string> = {
    ...{ REDIS_URL: redis.appUrl, DATABASE_URL: postgres.url, AzureWebJobsStorage: connection },
    ...{ WRITE_BEHIND_APPEND_TIMEOUT_MS: '1500', WRITE_BEHIND_RETRY_CAP_SECONDS: '2' },
    ...{ DATABASE_CONNECT_TIMEOUT_MS: '1000', DATABASE_STATEMENT_TIMEOUT_MS: '2000' },
  };
  const own = { PATH: process.env.PATH, HOME: process.env.HOME, DRAIN_POISON_SCHEDULE: '*/5 * * * * *' };
  const web = (at: number) =>
    new Process({
      ...{ name: `web process ${at}`, script: join(dir, 'web.cjs'), cwd: dir },
      env: { ...own, ...environment, REDIS_URL: redis.webUrl },
      args: (life) => [`w${at}.${life}`, String(keys), String(seed + at + life * 1_000)],
      onMessage: (said) => onSaid(said as Said),
      onFailure,
    });
  const host = new Process({
    ...{ name: 'the functions host', script: join(dir, 'host.cjs'), cwd: dir, onFailure },
    args: () => ['--app-dir', dir, '--port', '0', '--lease-seconds', String(LEASE_SECONDS)],
    env: stackEnvironment(own, environment, 'once'),
  });

  return {
    ...{ redis, postgres, storage, environment, host, webs: Array.from({ length: webs }, (_, at) => web(at)) },
    async restartStorage() {
      // Asked, and waited for as long as it takes: killed, it would forget what it has acknowledged.
      await azurite.kill('SIGTERM');
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

/** The web process, the local functions host and the app it runs, from their sources, in a folder that is an app. */
async function makeApp(dir: string): Promise<void> {
  await build({
    entryPoints: {
      web: join(__dirname, 'web.ts'),
      jobs: join(__dirname, 'jobs.ts'),
      host: join(projectRoot, 'local/host.ts'),
    },
    ...{ outdir: dir, outExtension: { '.js': '.cjs' }, logLevel: 'error', plugins: [pageStyle] },
    ...{ bundle: true, platform: 'node', target: 'node22', format: 'cjs', packages: 'external' },
    loader: { '.lua': 'text', '.html': 'text', '.css': 'text' },
  });
  const host = JSON.parse(await readFile(join(projectRoot, 'host.json'), 'utf8'));
  // A failed invocation's message comes back soon, and a message is seen soon: a run has no half minutes to wait.
  Object.assign(host.extensions.queues, { visibilityTimeout: '00:00:01', maxPollingInterval: '00:00:00.2' });
  await writeFile(join(dir, 'host.json'), JSON.stringify(host));
  await writeFile(join(dir, 'package.json'), JSON.stringify({ main: 'jobs.cjs' }));
}

/** The dashboard embeds a package's style sheet, which cannot stay outside. */
const pageStyle: Plugin = {
  name: 'page-style',
  setup: ({ onResolve }) => {
    onResolve({ filter: /^uplot\/.*\.css$/ }, ({ path }) => ({ path: createRequire(__filename).resolve(path) }));
  },
};

const portsOf = (connectionString: string): number[] =>
  [...connectionString.matchAll(/127\.0\.0\.1:(\d+)\//g)].map((match) => Number(match[1]));
