import type { Clock } from '../clock';
import type { RedisHandle } from '../redis/types';

/** The offset is asked for again after this, in ms. */
const LEARN_EVERY_MS = 1_000;

/** Server time in ms for judging an entry's life, at the price of one subtraction a read. */
export class ServerTime {
  #offsetMs = 0;
  #learntAt = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly redis: RedisHandle,
    private readonly clock: Clock,
  ) {}

  now(): number {
    return this.at(this.clock.now());
  }

  /** Of a local time just taken. */
  at(local: number): number {
    if (Math.abs(local - this.#learntAt) >= LEARN_EVERY_MS) {
      const known = this.redis.serverMicros();
      this.#offsetMs = known ? known.micros / 1_000 - local : 0;
      this.#learntAt = local;
    }
    return local + this.#offsetMs;
  }
}
