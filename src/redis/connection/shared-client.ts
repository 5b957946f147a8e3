import { Cluster, type ClusterNode, type ClusterOptions, type Command, Redis, type RedisOptions } from 'ioredis';
import { coerceError } from '../../errors';
import { settledWithin } from '../../timeout';
import { type Authenticated, type CredentialKeeper, type Credentials, isRefusal } from '../auth/credential-refresher';
import { Patience } from './offline-queue-limit';

type Stream = Parameters<Redis['sendCommand']>[1];

export interface Guard {
  /** Keeps it signed in. Undefined: user and password are in the options. */
  readonly keeper: CredentialKeeper | undefined;
  /** How long a command may wait for a connection. Undefined: for ever, as a subscriber wants it. */
  readonly patienceMs: number | undefined;
}

/** How long a connection may take to end what is under way before it is replaced. */
const DRAIN_MS = 1_000;

/** ioredis' Redis with a bounded offline queue, kept signed in, and no command ever left without an answer. */
export class SharedRedis extends Redis implements Authenticated {
  // Declared, not initialised: ioredis' constructor uses the methods below.
  declare private patience: Patience | undefined;
  declare private keeper: CredentialKeeper | undefined;

  static open(options: RedisOptions & { replyMapping?: 'legacy' }, { keeper, patienceMs }: Guard): SharedRedis {
    const client = new SharedRedis(options);
    // biome-ignore lint/complexity/useLiteralKeys: ioredis declares it private, and has no other way to ask.
    if (patienceMs !== undefined) client.patience = new Patience(patienceMs, () => client['offlineQueue']);
    // ioredis would leave what was under way unanswered for ever (maxRetriesPerRequest: null, no resending), or with
    // any other limit reject what waits too. This rejects the one and keeps the other.
    client.on('close', () => {
      // biome-ignore lint/complexity/useLiteralKeys: as above.
      client['flushQueue'](new Error('Connection is closed.'), { offlineQueue: false });
    });
    if (keeper) {
      client.keeper = keeper;
      const leave = keeper.adopt(client);
      client.on('error', (error: Error) => isRefusal(error) && keeper.refused());
      client.on('end', leave);
    }
    return client;
  }

  override async connect(): Promise<void> {
    if (this.keeper && !this.keeper.current) await this.#credentials(this.keeper);
    return super.connect();
  }

  override sendCommand(command: Command, stream?: Stream): unknown {
    if (this.status === 'ready' || !this.patience || this.patience.admits(command)) {
      if (this.status !== 'wait' || !this.keeper || this.keeper.current) return super.sendCommand(command, stream);
      this.#credentials(this.keeper).then(
        () => super.sendCommand(command, stream),
        (error: unknown) => command.reject(coerceError(error)),
      );
    }
    return command.promise;
  }

  async #credentials(keeper: CredentialKeeper): Promise<void> {
    try {
      await keeper.first();
    } catch (error) {
      this.emit('error', coerceError(error));
      throw error;
    }
  }

  use({ username, password }: Credentials): void {
    Object.assign(this.options, { username, password });
  }

  async reauthenticate({ username, password }: Credentials): Promise<void> {
    if (this.status !== 'ready') return;
    await (username === undefined ? this.auth(password) : this.auth(username, password));
  }

  /** Resolves once all that was sent before is answered. Not QUIT: older servers have no right on it, newer ones ask for it. */
  async settle(): Promise<void> {
    await this.ping();
  }

  async drain(): Promise<void> {
    if (this.status !== 'ready') return;
    const { stream } = this;
    await settledWithin(this.settle(), DRAIN_MS);
    // Not while another is being made: ioredis would end it for good.
    if (this.status === 'ready' && this.stream === stream) this.disconnect(true);
  }

  /** Rejects what still waits; for a connection that won't come back. */
  giveUp(): void {
    this.patience?.end();
    // biome-ignore lint/complexity/useLiteralKeys: as above.
    this['flushQueue'](new Error('Connection is closed.'));
  }
}

/** ioredis' Cluster with a bounded offline queue, all its nodes kept signed in. */
export class SharedCluster extends Cluster implements Authenticated {
  declare private patience: Patience | undefined;
  declare private keeper: CredentialKeeper | undefined;

  static open(
    nodes: ClusterNode[],
    options: ClusterOptions & { redisOptions?: { replyMapping?: 'legacy' } },
    { keeper, patienceMs }: Guard,
  ): SharedCluster {
    const client = new SharedCluster(nodes, options);
    // biome-ignore lint/complexity/useLiteralKeys: ioredis declares it private, and has no other way to ask.
    if (patienceMs !== undefined) client.patience = new Patience(patienceMs, () => client['offlineQueue']);
    if (keeper) {
      client.keeper = keeper;
      const leave = keeper.adopt(client);
      client.on('node error', (error: Error) => isRefusal(error) && keeper.refused());
      client.on('end', leave);
    }
    return client;
  }

  override async connect(): Promise<void> {
    if (this.keeper && !this.keeper.current) {
      try {
        await this.keeper.first();
      } catch (error) {
        this.emit('error', coerceError(error));
        throw error;
      }
    }
    return super.connect();
  }

  override sendCommand(...args: Parameters<Cluster['sendCommand']>): unknown {
    if (this.status === 'ready' || !this.patience || this.patience.admits(args[0])) return super.sendCommand(...args);
    return args[0].promise;
  }

  use({ username, password }: Credentials): void {
    // Nodes met from now on are made from the pool's options; those there are reconnect with their own.
    // biome-ignore lint/complexity/useLiteralKeys: ioredis has no way to change a password.
    Object.assign(this['connectionPool']['redisOptions'], { username, password });
    for (const node of this.#connections()) Object.assign(node.options, { username, password });
  }

  async reauthenticate({ username, password }: Credentials): Promise<void> {
    await Promise.all(
      this.#ready().map((node) => (username === undefined ? node.auth(password) : node.auth(username, password))),
    );
  }

  /** Resolves once all that was sent before is answered. */
  async settle(): Promise<void> {
    await Promise.all(this.#ready().map((node) => node.ping()));
  }

  async drain(): Promise<void> {
    await Promise.all(
      this.#ready().map(async (node) => {
        await settledWithin(node.ping(), DRAIN_MS);
        node.disconnect();
      }),
    );
  }

  giveUp(): void {
    this.patience?.end();
    // biome-ignore lint/complexity/useLiteralKeys: as above.
    this['flushQueue'](new Error('Connection is closed.'));
  }

  #ready(): Redis[] {
    return this.#connections().filter((node) => node.status === 'ready');
  }

  /** The nodes', and the one that subscribes. */
  #connections(): Redis[] {
    // biome-ignore lint/complexity/useLiteralKeys: as above.
    const subscriber = this['subscriber'].getInstance() as Redis | null;
    return [...this.nodes('all'), ...(subscriber ? [subscriber] : [])];
  }
}
