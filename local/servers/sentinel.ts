import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { asked } from './asked';
import { projectRoot, serverDir } from './paths';
import { freePort } from './ports';
import { findRedis } from './redis';
import { ServerProcess } from './server-process';
import { credentialsOf, eachUser, PASSWORDS, type RedisUser } from './users';

export interface SentinelOptions {
  /** Folder with `ca.pem`, `cert.pem` and `key.pem`: then TLS is the only way in. Default: no TLS. */
  readonly tlsDir?: string;
  /** Silence after which a sentinel holds the primary for dead. Default: 1000. */
  readonly downAfterMs?: number;
}

export interface SentinelMember {
  /** Of one who may do everything; `rediss:` with TLS. */
  readonly adminUrl: string;
  readonly host: string;
  readonly port: number;
  readonly pid: number;
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Starts it again on the same port and in the same folder, after `kill`. */
  restart(): Promise<void>;
}

export interface RunningSentinels {
  /** The first was the primary at the start; the others its replicas. */
  readonly servers: readonly SentinelMember[];
  readonly sentinels: readonly SentinelMember[];
  /** Settings of the app that reach it as this user. */
  readonly environments: Readonly<Record<RedisUser, Readonly<Record<string, string>>>>;
  /** `host:port` of the primary that the sentinels name now. */
  primary(): Promise<string>;
  /** Asks a sentinel to promote a replica at once; `OK`, or the error it answers. */
  failover(): Promise<string>;
  stop(): Promise<void>;
}

const HOST = '127.0.0.1';
const READY_MS = 30_000;
const SENTINEL_PASSWORD = 'local-sentinels';

/** The set of `deploy/sentinel/`, from its own files, as plain processes: a primary, two replicas, three sentinels. */
export async function startSentinels(options: SentinelOptions = {}): Promise<RunningSentinels> {
  const members: Member[] = [];
  const stop = async () => {
    await Promise.all(members.map((member) => member.stop()));
  };
  try {
    const primary = await member('primary', options);
    members.push(primary);
    const others = ['replica', 'replica', 'sentinel', 'sentinel', 'sentinel'] as const;
    for (const role of others) members.push(await member(role, options, `${HOST}:${primary.port}`));
    const servers = members.slice(0, 3);
    const sentinels = members.slice(3);
    const ask = (sentinel: Member) => primaryBy(sentinel, options);
    await poll('all sentinels know each other and both replicas', async () => {
      const seen = await Promise.all(sentinels.map((each) => peersOf(each, options)));
      return seen.every(({ replicas, peers }) => replicas === 2 && peers === 2);
    });
    return {
      servers,
      sentinels,
      environments: eachUser((user) => ({
        REDIS_SENTINELS: sentinels.map(({ port }) => `${HOST}:${port}`).join(','),
        REDIS_SENTINEL_PASSWORD: SENTINEL_PASSWORD,
        REDIS_URL: `redis${options.tlsDir ? 's' : ''}://${credentialsOf(user)}localhost`,
        ...(options.tlsDir && { REDIS_TLS_CA_FILE: join(options.tlsDir, 'ca.pem') }),
      })),
      primary: async () => {
        for (const sentinel of sentinels) {
          const named = sentinel.running ? await ask(sentinel).catch(() => undefined) : undefined;
          if (named) return named;
        }
        throw new Error('No sentinel names a primary');
      },
      failover: async () => {
        const [sentinel] = sentinels;
        return String(
          await asked(sentinel?.port ?? 0, SENTINEL_PASSWORD, options, (client) =>
            client.call('SENTINEL', 'FAILOVER', 'steward'),
          ),
        );
      },
      stop,
    };
  } catch (error: unknown) {
    await stop();
    throw error;
  }
}

type Member = SentinelMember & { readonly running: boolean; stop(): Promise<void> };

async function member(
  role: 'primary' | 'replica' | 'sentinel',
  options: SentinelOptions,
  primary = '',
): Promise<Member> {
  const program = await findRedis();
  const port = await freePort();
  const dir = await serverDir(role);
  const password = role === 'sentinel' ? SENTINEL_PASSWORD : PASSWORDS.admin;
  const launch = async () => {
    const server = new ServerProcess({
      name: role,
      command: 'sh',
      args: [join(projectRoot, 'deploy/sentinel/start.sh'), role],
      env: {
        ...program.env,
        REDIS_SERVER: program.path,
        DATA_DIR: dir,
        PORT: `${port}`,
        PRIMARY: primary,
        ANNOUNCE: HOST,
        REDIS_PASSWORD: PASSWORDS.admin,
        WEB_PASSWORD: PASSWORDS.web,
        APP_PASSWORD: PASSWORDS.app,
        SENTINEL_PASSWORD,
        TLS_DIR: options.tlsDir ?? '',
        DOWN_AFTER_MS: `${options.downAfterMs ?? 1_000}`,
        FAILOVER_TIMEOUT_MS: '2000',
      },
      dir,
      graceMs: 2_000,
    });
    await server.until(() =>
      asked(port, password, options, (client) => client.ping()).then(
        () => true as const,
        () => undefined,
      ),
    );
    return server;
  };
  let server = await launch();
  return {
    adminUrl: `redis${options.tlsDir ? 's' : ''}://:${password}@${HOST}:${port}`,
    host: HOST,
    port,
    get pid() {
      return server.pid;
    },
    get running() {
      return server.running;
    },
    kill: (signal) => server.kill(signal),
    restart: async () => {
      await server.end();
      server = await launch();
    },
    stop: () => server.stop(),
  };
}

async function primaryBy(sentinel: Member, options: SentinelOptions): Promise<string> {
  const answer = await asked(sentinel.port, SENTINEL_PASSWORD, options, (client) =>
    client.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'steward'),
  );
  return (answer as string[]).join(':');
}

async function peersOf(sentinel: Member, options: SentinelOptions): Promise<{ replicas: number; peers: number }> {
  const info = await asked(sentinel.port, SENTINEL_PASSWORD, options, (client) => client.info('sentinel'));
  const [, replicas, peers] = /slaves=(\d+),sentinels=(\d+)/.exec(info) ?? [];
  return { replicas: Number(replicas), peers: Number(peers) - 1 };
}

async function poll(what: string, holds: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + READY_MS;
  while (!(await holds().catch(() => false))) {
    if (Date.now() > end) throw new Error(`Expected that ${what} within ${READY_MS} ms`);
    await sleep(50);
  }
}
