import type { Command } from 'ioredis';
import { RedisUnavailableError } from '../errors';

/** More waiting commands than this and the rest fail at once: a dead Redis must not fill the memory. */
const WAITING_LIMIT = 1_000;

/** What ioredis itself sends to make a connection: it never waits in the queue. */
const handshake = new Set(['hello', 'auth', 'client', 'select', 'readonly', 'info', 'cluster']);

interface Queue {
  readonly length: number;
  peekFront(): { readonly command: Command } | undefined;
  shift(): { readonly command: Command } | undefined;
}

/**
 * Commands given while there is no connection wait in ioredis' offline queue, which knows no bounds. This gives it
 * two: a length, and a time, after which a command is rejected as not sent. So one that was given up is never sent
 * minutes later, when the connection is back.
 */
export class Patience {
  readonly #since = new WeakMap<Command, number>();
  #timer: NodeJS.Timeout | undefined;

  /** `queue` gives ioredis' present queue: it makes a new one at times. */
  constructor(
    private readonly waitMs: number,
    private readonly queue: () => Queue,
  ) {}

  /** Whether the command may wait; where it may not, it has been rejected. */
  admits(command: Command): boolean {
    if (handshake.has(command.name) || this.#since.has(command)) return true;
    const { length } = this.queue();
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
    const queue = this.queue();
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
