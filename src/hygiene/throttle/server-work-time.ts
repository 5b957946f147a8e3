import type { Redis } from 'ioredis';
import type { RedisHandle } from '../../redis';
import type { BatchReader, KeyBatch } from '../ports';

/** PINGs sent before the first batches of a connection: the fastest one met neither a queue nor a busy network. */
const PINGS = 8;
/** Zones of a region are closer than this, in ms. An answer that takes longer is slow because of the server. */
const MAX_ROUND_TRIP_MS = 5;

/** A batch of plain commands: the server does not say how long it worked on it. */
export type UntimedBatchReader<P> = (...batch: Parameters<BatchReader<P>>) => Promise<Omit<KeyBatch<P>, 'micros'>>;

/**
 * Estimates the time that a server works on a batch: how long each answer took since its commands were sent, less the
 * network round trip. The round trip is the fastest PING of the same connection, since a PING is no work. It is capped
 * at 5 ms, so that a server which answers everything later counts as slow, not as distant. The time that grows with
 * the batch, for work or for waiting, is never subtracted.
 */
export class ServerWorkTime {
  #stream: Redis['stream'] | undefined;
  #pings = 0;
  #roundTripMs = MAX_ROUND_TRIP_MS;
  #spentMs = 0;

  constructor(
    private readonly redis: RedisHandle,
    private readonly client: Redis,
    private readonly deadlineMs: number,
  ) {}

  /** Counts the time until `answer`, whose commands were sent just now in one go. */
  async of<T>(answer: Promise<T>): Promise<T> {
    const sent = performance.now();
    const result = await answer;
    this.#spentMs += Math.max(0, performance.now() - sent - this.#roundTripMs);
    return result;
  }

  /** The same batches, with the time that their commands took. */
  timed<P>(untimed: UntimedBatchReader<P>): BatchReader<P> {
    return async (cursor, count) => {
      await this.#measureRoundTrip();
      this.#spentMs = 0;
      const batch = await untimed(cursor, count);
      return { ...batch, micros: Math.round(this.#spentMs * 1_000) };
    };
  }

  async #measureRoundTrip(): Promise<void> {
    if (this.client.stream !== this.#stream) {
      this.#stream = this.client.stream;
      this.#pings = 0;
      this.#roundTripMs = MAX_ROUND_TRIP_MS;
    }
    if (this.#pings === PINGS) return;
    this.#pings += 1;
    const answer = this.client.ping();
    const sent = performance.now();
    await this.redis.within(answer, { deadlineMs: this.deadlineMs });
    this.#roundTripMs = Math.min(this.#roundTripMs, performance.now() - sent);
  }
}
