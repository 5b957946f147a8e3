import type { Clock } from '../clock';
import type { RedisHandle } from '../redis/types';

/** How long an offset is used before it is fetched again, in ms. */
const REFRESH_MS = 1_000;

/** Server time in ms, to judge an entry's life. Caches the offset, so that a read costs one addition. */
export class ServerTime {
  #offsetMs = 0;
  #fetchedAt = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly redis: RedisHandle,
    private readonly clock: Clock,
  ) {}

  now(): number {
    return this.at(this.clock.now());
  }

  /** Server time at a local time that was just taken. */
  at(local: number): number {
    if (Math.abs(local - this.#fetchedAt) >= REFRESH_MS) {
      const known = this.redis.serverMicros();
      this.#offsetMs = known ? known.micros / 1_000 - local : 0;
      this.#fetchedAt = local;
    }
    return local + this.#offsetMs;
  }
}
