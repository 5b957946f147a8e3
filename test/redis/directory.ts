import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import type { RunningRedis } from '../../local/servers';
import type { TokenProvider } from '../../src/redis';
import { aclRules, COMMANDS } from '../../src/redis/auth/acl';

/** The app's own user, as with Entra: an object id. */
export const USER = '7d1c7a0e-0000-4000-8000-000000000001';

/** Administers the servers as their default user, and issues the tokens that the app's user signs in with. */
export class Directory {
  readonly #admins: Redis[];
  readonly issued: string[] = [];

  constructor(servers: readonly Pick<RunningRedis, 'adminUrl'>[]) {
    this.#admins = servers.map(({ adminUrl: url }) => {
      const tls = url.startsWith('rediss:') && { tls: { rejectUnauthorized: false } };
      // A server may be down: what it misses it gets with the next token.
      const admin = new Redis(url, { ...tls, maxRetriesPerRequest: 0, commandTimeout: 2_000, disconnectTimeout: 100 });
      admin.on('error', () => {});
      return admin;
    });
  }

  /** The answers of those that are there. */
  async all(...command: [string, ...string[]]): Promise<unknown[]> {
    const [name, ...args] = command;
    const answers = await Promise.allSettled(this.#admins.map((admin) => admin.call(name, ...args)));
    return answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
  }

  /** From now on these passwords and no other are the user's. */
  async passwords(...passwords: string[]): Promise<void> {
    await this.all(
      'ACL',
      'SETUSER',
      USER,
      'reset',
      'on',
      ...aclRules(COMMANDS.app),
      ...passwords.map((each) => `>${each}`),
    );
  }

  /** Tokens that live `lifeMs`; with each new one, all but it and the one before are void. */
  tokens(lifeMs: number): TokenProvider {
    return {
      getToken: async () => {
        this.issued.push(`token-${randomUUID()}`);
        await this.passwords(...this.issued.slice(-2));
        return { token: this.issued.at(-1) ?? '', expiresOnTimestamp: Date.now() + lifeMs };
      },
    };
  }

  /** Closes the app's connections, as maintenance does. */
  async closeConnections(): Promise<void> {
    await this.all('CLIENT', 'KILL', 'USER', USER);
  }

  async signIns(): Promise<number> {
    const infos = await this.all('INFO', 'commandstats');
    return infos.reduce<number>(
      (sum, info) => sum + Number(/cmdstat_auth:calls=(\d+)/.exec(String(info))?.[1] ?? 0),
      0,
    );
  }

  end(): void {
    for (const admin of this.#admins) admin.disconnect();
  }
}
