import type { Cluster, Command, Redis } from 'ioredis';
import { RedisUnavailableError } from '../errors';
import { offlineQueueOf } from './ioredis-private';

/** If more commands wait, further ones fail at once: a dead Redis must not fill the memory. */
const WAITING_LIMIT = 1_000;

/** Commands that ioredis itself sends to make a connection: they never wait in the queue. */
const handshake = new Set(['hello', 'auth', 'client', 'select', 'readonly', 'info', 'cluster']);

/**
 * Commands that are issued while there is no connection wait in ioredis' offline queue, which has no limit. This adds
 * two: a length, and a time after which a command is rejected as not sent. So a command that its caller has given up is
 * not sent minutes later, when the connection is back.
 */
export class OfflineQueueLimit {
  readonly #since = new WeakMap<Command, number>();
  #timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly waitMs: number,
    private readonly client: Redis | Cluster,
  ) {}

  /** Whether the command may wait; if not, it has been rejected. */
  admits(command: Command): boolean {
    if (handshake.has(command.name) || this.#since.has(command)) return true;
    const { length } = offlineQueueOf(this.client);
    if (length >= WAITING_LIMIT) {
      command.reject(new RedisUnavailableError(`no connection to Redis, and ${length} commands wait for one already`));
      return false;
    }
    this.#since.set(command, performance.now());
    this.#timer ??= setTimeout(() => this.#expire(), this.waitMs);
    return true;
  }

  #expire(): void {
    this.#timer = undefined;
    const queue = offlineQueueOf(this.client);
    const now = performance.now();
    for (let item = queue.peekFront(); item; item = queue.peekFront()) {
      const left = (this.#since.get(item.command) ?? 0) + this.waitMs - now;
      if (left > 0) {
        this.#timer = setTimeout(() => this.#expire(), Math.ceil(left));
        return;
      }
      queue.shift();
      item.command.reject(
        new RedisUnavailableError(`no connection to Redis within ${this.waitMs} ms; nothing was sent`),
      );
    }
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
