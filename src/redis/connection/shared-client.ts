import { Cluster, type ClusterNode, type ClusterOptions, type Command, Redis, type RedisOptions } from 'ioredis';
import { coerceError } from '../../errors';
import { outsideCalls } from '../../outside-calls';
import { settledWithin } from '../../timeout';
import {
  type Authenticated,
  type CredentialRefresher,
  type Credentials,
  isRefusal,
} from '../auth/credential-refresher';
import { disableSubscriberInfo, rejectAll, rejectUnanswered, subscriberOf } from './ioredis-private';
import { OfflineQueueLimit } from './offline-queue-limit';

type Stream = Parameters<Redis['sendCommand']>[1];

export interface SharedOptions {
  /** Keeps the client signed in. Undefined: user and password are in ioredis' options. */
  readonly refresher: CredentialRefresher | undefined;
  /** How long a command may wait for a connection. Undefined: without limit, as a subscriber needs it. */
  readonly queueMs: number | undefined;
}

/** How long a replaced connection may take to answer what was sent on it. */
const DRAIN_MS = 1_000;

/** ioredis' Redis with a limited offline queue, kept signed in, and every command answered or rejected. */
export class SharedRedis extends Redis implements Authenticated {
  // Declared, not initialised: ioredis' constructor uses the methods below.
  declare private queueLimit: OfflineQueueLimit | undefined;
  declare private refresher: CredentialRefresher | undefined;

  static open(options: RedisOptions & { replyMapping?: 'legacy' }, { refresher, queueMs }: SharedOptions): SharedRedis {
    const client = new SharedRedis(options);
    if (queueMs !== undefined) client.queueLimit = new OfflineQueueLimit(queueMs, client);
    // By itself ioredis would leave sent commands unanswered for ever (maxRetriesPerRequest: null, no resending), or
    // with any other limit also reject those that wait.
    client.on('close', () => rejectUnanswered(client));
    if (refresher) {
      client.refresher = refresher;
      const unregister = refresher.register(client);
      client.on('error', (error: Error) => isRefusal(error) && refresher.refused());
      client.on('end', unregister);
    }
    return client;
  }

  override connect(): Promise<void> {
    return outsideCalls(async () => {
      if (this.refresher && !this.refresher.current) await firstCredentials(this, this.refresher);
      return super.connect();
    });
  }

  override sendCommand(command: Command, stream?: Stream): unknown {
    if (this.status === 'ready' || !this.queueLimit || this.queueLimit.admits(command)) {
      if (this.status !== 'wait' || !this.refresher || this.refresher.current) {
        return super.sendCommand(command, stream);
      }
      const { refresher } = this;
      outsideCalls(() => firstCredentials(this, refresher)).then(
        () => super.sendCommand(command, stream),
        (error: unknown) => command.reject(coerceError(error)),
      );
    }
    return command.promise;
  }

  use({ username, password }: Credentials): void {
    Object.assign(this.options, { username, password });
  }

  async reauthenticate({ username, password }: Credentials): Promise<void> {
    if (this.status !== 'ready') return;
    await (username === undefined ? this.auth(password) : this.auth(username, password));
  }

  /** Resolves once everything sent before is answered. Not QUIT: the published rights (auth/acl.ts) leave it out. */
  async settle(): Promise<void> {
    await this.ping();
  }

  async drain(): Promise<void> {
    if (this.status !== 'ready') return;
    const { stream } = this;
    await settledWithin(this.settle(), DRAIN_MS);
    // Not while ioredis makes another connection: it would then end the client for good.
    if (this.status === 'ready' && this.stream === stream) this.disconnect(true);
  }

  /** Rejects what still waits; for a connection that won't come back. */
  giveUp(): void {
    this.queueLimit?.end();
    rejectAll(this);
  }
}

/** ioredis' Cluster with a limited offline queue, and all its nodes kept signed in. */
export class SharedCluster extends Cluster implements Authenticated {
  declare private queueLimit: OfflineQueueLimit | undefined;
  declare private refresher: CredentialRefresher | undefined;

  static open(
    nodes: ClusterNode[],
    options: ClusterOptions & { redisOptions?: { replyMapping?: 'legacy' } },
    { refresher, queueMs }: SharedOptions,
  ): SharedCluster {
    const client = new SharedCluster(nodes, options);
    disableSubscriberInfo(client);
    if (queueMs !== undefined) client.queueLimit = new OfflineQueueLimit(queueMs, client);
    if (refresher) {
      client.refresher = refresher;
      const unregister = refresher.register(client);
      // ioredis makes a new node from the options that the cluster began with.
      client.on('+node', (node: Redis) => refresher.current && signInWith(node, refresher.current));
      client.on('node error', (error: Error) => isRefusal(error) && refresher.refused());
      client.on('end', unregister);
    }
    return client;
  }

  override connect(): Promise<void> {
    return outsideCalls(async () => {
      if (this.refresher && !this.refresher.current) await firstCredentials(this, this.refresher);
      return super.connect();
    });
  }

  override sendCommand(...args: Parameters<Cluster['sendCommand']>): unknown {
    if (this.status === 'ready' || !this.queueLimit || this.queueLimit.admits(args[0])) {
      return super.sendCommand(...args);
    }
    return args[0].promise;
  }

  use(credentials: Credentials): void {
    for (const node of this.#connections()) signInWith(node, credentials);
  }

  async reauthenticate({ username, password }: Credentials): Promise<void> {
    await Promise.all(
      this.#ready().map((node) => (username === undefined ? node.auth(password) : node.auth(username, password))),
    );
  }

  /** Resolves once everything sent before is answered. */
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
    this.queueLimit?.end();
    rejectAll(this);
  }

  #ready(): Redis[] {
    return this.#connections().filter((node) => node.status === 'ready');
  }

  /** Those to the nodes, and the one that subscribes. */
  #connections(): Redis[] {
    const subscriber = subscriberOf(this);
    return subscriber ? [...this.nodes('all'), subscriber] : this.nodes('all');
  }
}

/** At the next connect of this node. */
function signInWith(node: Redis, { username, password }: Credentials): void {
  Object.assign(node.options, { username, password });
}

/** Gets the first credentials. If that fails, the client also emits the error, which is logged. */
async function firstCredentials(client: SharedRedis | SharedCluster, refresher: CredentialRefresher): Promise<void> {
  try {
    await refresher.first();
  } catch (error) {
    client.emit('error', coerceError(error));
    throw error;
  }
}
