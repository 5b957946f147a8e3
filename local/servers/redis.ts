import { join } from 'node:path';
import { asked } from './asked';
import { findProgram, type Program } from './packages';
import { serverDir } from './paths';
import { freePort } from './ports';
import { ServerProcess } from './server-process';
import { credentialsOf, PASSWORDS, type RedisUser, userArgs } from './users';

export interface RedisOptions {
  /** More arguments of redis-server: `['--maxmemory', '10mb']`. */
  readonly args?: readonly string[];
  /** The administrator's. Default: one of ours. */
  readonly password?: string;
  /** As a member of a cluster; its bus listens on the port + 10,000. Default: false. */
  readonly cluster?: boolean;
  /** Folder with `ca.pem`, `cert.pem` and `key.pem`: then TLS is the only way in, for a cluster's bus too. Default: no TLS. */
  readonly tlsDir?: string;
  /** The test is about rights that are missing. Default: `stop` rejects if a user was refused a command or a key. */
  readonly refusals?: 'expected';
  /** The program to run. Default: redis-server or valkey-server from PATH, else unpacked. */
  readonly program?: Program;
}

export interface RunningRedis {
  /** `redis://user:password@127.0.0.1:port` of the web app, who has its published rights and no more; `rediss:` with TLS. */
  readonly webUrl: string;
  /** The same of the Functions app. */
  readonly appUrl: string;
  /** Of one who may do everything: for what the app itself may not. */
  readonly adminUrl: string;
  readonly host: string;
  readonly port: number;
  /** The server's own process id; another one after `restart`. */
  readonly pid: number;
  /** Its folder: the configuration, the dump if one is asked for, `log`. */
  readonly dir: string;
  /** Sends a signal; SIGKILL and SIGTERM resolve when it is gone. SIGSTOP freezes it, SIGCONT thaws it. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Starts it again on the same port and in the same folder, after `kill`. */
  restart(): Promise<void>;
  /** Ends it and removes its folder. */
  stop(): Promise<void>;
}

const HOST = '127.0.0.1';
const ATTEMPTS = 5;
// A node that has met no other doesn't know its own address, and a client that asks for the nodes then finds none.
const CLUSTER_ARGS = ['--cluster-enabled', 'yes', '--cluster-node-timeout', '2000', '--cluster-announce-ip', HOST];

/** A standalone server on a free port, saving nothing unless `args` say so; resolves when it answers. */
export async function startRedis(options: RedisOptions = {}): Promise<RunningRedis> {
  const program = options.program ?? (await findRedis());
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort(options.cluster ? [10_000] : []);
    const dir = await serverDir('redis');
    const launch = () => launchRedis(program, port, dir, options);
    try {
      return running(await launch(), launch, port, dir, options);
    } catch (error: unknown) {
      if (attempt === ATTEMPTS || !/in use/i.test(String(error))) throw error;
    }
  }
}

async function launchRedis(program: Program, port: number, dir: string, options: RedisOptions): Promise<ServerProcess> {
  const server = new ServerProcess({
    name: 'redis-server',
    command: program.path,
    env: program.env,
    args: [
      ...(options.tlsDir ? tlsArgs(port, options.tlsDir) : ['--port', `${port}`]),
      ...['--bind', HOST, '--dir', dir, '--save', '', '--appendonly', 'no'],
      ...['--daemonize', 'no', '--protected-mode', 'no'],
      ...userArgs(program, options.password ?? PASSWORDS.admin),
      ...(options.cluster ? CLUSTER_ARGS : []),
      ...(options.args ?? []),
    ],
    dir,
    graceMs: 2_000,
  });
  try {
    await server.until(() => answers(server.pid, port, options));
    return server;
  } catch (error: unknown) {
    await server.stop();
    throw error;
  }
}

function tlsArgs(port: number, dir: string): string[] {
  return [
    ...['--port', '0', '--tls-port', `${port}`, '--tls-auth-clients', 'no', '--tls-ca-cert-file', join(dir, 'ca.pem')],
    ...['--tls-cert-file', join(dir, 'cert.pem'), '--tls-key-file', join(dir, 'key.pem')],
    ...['--tls-replication', 'yes', '--tls-cluster', 'yes'],
  ];
}

/** It is ours only if its process id is: another process may have won the port. */
async function answers(pid: number, port: number, options: RedisOptions): Promise<true | undefined> {
  const { password = PASSWORDS.admin } = options;
  try {
    const info = await asked(port, password, options, (client) => client.info('server'));
    return info.includes(`process_id:${pid}\r`) || undefined;
  } catch {
    return undefined;
  }
}

function running(
  first: ServerProcess,
  launch: () => Promise<ServerProcess>,
  port: number,
  dir: string,
  options: RedisOptions,
): RunningRedis {
  const { password, tlsDir, refusals } = options;
  let server = first;
  const urlOf = (user: RedisUser) => `redis${tlsDir ? 's' : ''}://${credentialsOf(user, password)}${HOST}:${port}`;
  return {
    webUrl: urlOf('web'),
    appUrl: urlOf('app'),
    adminUrl: urlOf('admin'),
    host: HOST,
    port,
    dir,
    get pid() {
      return server.pid;
    },
    kill: (signal) => server.kill(signal),
    restart: async () => {
      await server.end();
      server = await launch();
    },
    stop: async () => {
      const refused = server.running && refusals !== 'expected' ? await refusalsOf(port, options) : [];
      await server.stop();
      if (refused.length > 0) throw new Error(`Redis refused what the published rights lack: ${refused.join(', ')}`);
    },
  };
}

/** The last refusal, even if the error was swallowed: `command config|get to app`. */
async function refusalsOf(port: number, options: RedisOptions): Promise<readonly string[]> {
  const { password = PASSWORDS.admin } = options;
  try {
    const log = await asked(port, password, options, (client) => client.call('ACL', 'LOG', 10) as Promise<string[][]>);
    return log.flatMap((entry) => {
      const [user, reason, what] = ['username', 'reason', 'object'].map((name) => entry[entry.indexOf(name) + 1]);
      return reason === 'auth' ? [] : [`${reason} ${what} to ${user}`];
    });
  } catch {
    return []; // it is frozen, or its ACL command is hidden
  }
}

/** Finds or unpacks the server. */
export async function findRedis(): Promise<Program> {
  const found = await findProgram({
    names: ['redis-server', 'valkey-server'],
    packages: [
      { names: ['redis-server', 'redis-tools'], path: 'usr/bin/redis-server' },
      { names: ['valkey-server', 'valkey-tools'], path: 'usr/bin/valkey-server' },
    ],
  });
  if (found) return found;
  throw new Error(
    'No Redis server was found and none could be downloaded: install redis-server or valkey-server, or set REDIS_URL.',
  );
}
