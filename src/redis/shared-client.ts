import { Cluster, type ClusterNode, type ClusterOptions, type Command, Redis, type RedisOptions } from 'ioredis';
import { Patience } from './patience';

type Stream = Parameters<Redis['sendCommand']>[1];

/** ioredis' Redis with a bounded offline queue, and no command ever left without an answer. */
export class SharedRedis extends Redis {
  // Declared, not initialised: ioredis sends from within its own constructor where it isn't lazy.
  declare private patience: Patience | undefined;

  /** `patienceMs`: how long a command may wait for a connection. Left out: for ever, as a subscriber wants it. */
  static open(options: RedisOptions & { replyMapping?: 'legacy' }, patienceMs?: number): SharedRedis {
    const client = new SharedRedis(options);
    // biome-ignore lint/complexity/useLiteralKeys: ioredis declares it private, and has no other way to ask.
    if (patienceMs !== undefined) client.patience = new Patience(patienceMs, () => client['offlineQueue']);
    // ioredis would leave what was under way unanswered for ever (maxRetriesPerRequest: null, no resending), or with
    // any other limit reject what waits too. This rejects the one and keeps the other.
    client.on('close', () => {
      // biome-ignore lint/complexity/useLiteralKeys: as above.
      client['flushQueue'](new Error('Connection is closed.'), { offlineQueue: false });
    });
    return client;
  }

  override sendCommand(command: Command, stream?: Stream): unknown {
    if (this.status === 'ready' || !this.patience || this.patience.admits(command)) {
      return super.sendCommand(command, stream);
    }
    return command.promise;
  }

  /** Rejects what still waits; for a connection that won't come back. */
  giveUp(): void {
    this.patience?.end();
    // biome-ignore lint/complexity/useLiteralKeys: as above.
    this['flushQueue'](new Error('Connection is closed.'));
  }
}

/** ioredis' Cluster with a bounded offline queue. */
export class SharedCluster extends Cluster {
  declare private patience: Patience | undefined;

  static open(
    nodes: ClusterNode[],
    options: ClusterOptions & { redisOptions?: { replyMapping?: 'legacy' } },
    patienceMs?: number,
  ): SharedCluster {
    const client = new SharedCluster(nodes, options);
    // biome-ignore lint/complexity/useLiteralKeys: ioredis declares it private, and has no other way to ask.
    if (patienceMs !== undefined) client.patience = new Patience(patienceMs, () => client['offlineQueue']);
    return client;
  }

  override sendCommand(...args: Parameters<Cluster['sendCommand']>): unknown {
    if (this.status === 'ready' || !this.patience || this.patience.admits(args[0])) return super.sendCommand(...args);
    return args[0].promise;
  }

  /** Rejects what still waits; for a connection that won't come back. */
  giveUp(): void {
    this.patience?.end();
    // biome-ignore lint/complexity/useLiteralKeys: as above.
    this['flushQueue'](new Error('Connection is closed.'));
  }
}
