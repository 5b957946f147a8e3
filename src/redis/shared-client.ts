import { Cluster, type Command, Redis } from 'ioredis';
import { DeadlineError, RedisUnavailableError } from './errors';

/** More waiting commands than this and the rest fail at once: a dead Redis must not fill the memory. */
const WAITING_LIMIT = 1_000;

/** What ioredis itself sends to make a connection: it never waits in the queue. */
const handshake = new Set(['hello', 'auth', 'client', 'select', 'readonly', 'info', 'cluster']);

type Stream = Parameters<Redis['sendCommand']>[1];

/**
 * Commands given while there is no connection wait in ioredis' offline queue. This keeps that queue short, and drops
 * from it what has waited longer than its caller did, so that a command that was given up isn't sent minutes later.
 */
class Patience {
  readonly #since = new WeakMap<Command, number>();
  #waiting = false;

  constructor(private readonly waitMs: number) {}

  /** Whether the command may go on to ioredis; where it may not, it has been rejected. */
  allows(command: Command, ready: boolean, queued: number): boolean {
    if (ready) {
      if (!this.#waiting) return true;
      const since = this.#since.get(command);
      if (since === undefined || performance.now() - since <= this.waitMs) return true;
      command.reject(
        new DeadlineError('the command waited for a connection beyond its deadline and was not sent', {
          refused: true,
        }),
      );
      return false;
    }
    if (this.#since.has(command) || handshake.has(command.name)) return true;
    if (queued >= WAITING_LIMIT) {
      command.reject(new RedisUnavailableError(`no connection to Redis, and ${queued} commands wait for one already`));
      return false;
    }
    this.#waiting = true;
    this.#since.set(command, performance.now());
    return true;
  }
}

/** ioredis' Redis with a bounded offline queue. */
export class SharedRedis extends Redis {
  // Declared, not initialised: ioredis may send from within its own constructor.
  declare patience: Patience | undefined;

  withPatience(waitMs: number): this {
    this.patience = new Patience(waitMs);
    return this;
  }

  override sendCommand(command: Command, stream?: Stream): unknown {
    // biome-ignore lint/complexity/useLiteralKeys: ioredis declares it private, and has no other way to ask.
    const queued = this['offlineQueue'].length;
    const allowed = this.patience?.allows(command, this.status === 'ready', queued) ?? true;
    return allowed ? super.sendCommand(command, stream) : command.promise;
  }
}

/** ioredis' Cluster with a bounded offline queue. */
export class SharedCluster extends Cluster {
  declare patience: Patience | undefined;

  withPatience(waitMs: number): this {
    this.patience = new Patience(waitMs);
    return this;
  }

  override sendCommand(...args: Parameters<Cluster['sendCommand']>): unknown {
    const [command] = args;
    // biome-ignore lint/complexity/useLiteralKeys: ioredis declares it private, and has no other way to ask.
    const queued = this['offlineQueue'].length;
    const allowed = this.patience?.allows(command, this.status === 'ready', queued) ?? true;
    return allowed ? super.sendCommand(...args) : command.promise;
  }
}
