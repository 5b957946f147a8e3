import type { Redis } from 'ioredis';
import type { RedisHandle } from '../../redis';
import type { Pager } from '../engine/pager';
import type { Page } from '../ports';

/** Before so many pages of a connection a PING is sent: the fastest of them met neither a queue nor a busy network. */
const PINGS = 8;
/** Zones of a region are less than this apart, in ms: what an answer takes beyond it is the server's doing. */
const LONGEST_WAY_MS = 5;

/** A page of plain commands: what the server worked on it is known only to who asked. */
export type UntimedPager<P> = (...page: Parameters<Pager<P>>) => Promise<Omit<Page<P>, 'micros'>>;

/**
 * The time that a server works on a page, measured from here: how long each answer took since its commands were sent,
 * less the way to the server and back. The way is the fastest PING of the same connection, for a PING is no work; it
 * is taken for 5 ms at most, so that a server which answers nothing sooner counts as slow and not as far. What of an
 * answer grows with the page, work or waiting, is never subtracted.
 */
export class ServerWorkTime {
  readonly #redis: RedisHandle;
  readonly #client: Redis;
  readonly #deadlineMs: number;
  #stream: Redis['stream'] | undefined;
  #pings = 0;
  #wayMs = LONGEST_WAY_MS;
  #spentMs = 0;

  constructor(redis: RedisHandle, client: Redis, deadlineMs: number) {
    this.#redis = redis;
    this.#client = client;
    this.#deadlineMs = deadlineMs;
  }

  /** Counts the time until `answer`, which was asked for just now in one go. */
  async of<T>(answer: Promise<T>): Promise<T> {
    const sent = performance.now();
    const result = await answer;
    this.#spentMs += Math.max(0, performance.now() - sent - this.#wayMs);
    return result;
  }

  /** The same pages, with the time of what they counted. */
  pager<P>(untimed: UntimedPager<P>): Pager<P> {
    return async (cursor, count) => {
      await this.#learnWay();
      this.#spentMs = 0;
      const page = await untimed(cursor, count);
      return { ...page, micros: Math.round(this.#spentMs * 1_000) };
    };
  }

  async #learnWay(): Promise<void> {
    if (this.#client.stream !== this.#stream) {
      this.#stream = this.#client.stream;
      this.#pings = 0;
      this.#wayMs = LONGEST_WAY_MS;
    }
    if (this.#pings === PINGS) return;
    this.#pings += 1;
    const answer = this.#client.ping();
    const sent = performance.now();
    await this.#redis.within(answer, { deadlineMs: this.#deadlineMs });
    this.#wayMs = Math.min(this.#wayMs, performance.now() - sent);
  }
}
