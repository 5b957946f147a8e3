import { CircuitState, CountBreaker, circuitBreaker, handleWhen } from 'cockatiel';
import type { Logger } from '../logger';
import { RedisUnavailableError } from '../redis/errors';
import type { RedisHandle } from '../redis/types';
import { isRedisAway } from './versions';

/** Of the last this many commands or batches, ... */
const SIZE = 10;
/** ... and not before this many, ... */
const LEAST = 5;
/** ... a greater part than this must have failed for the breaker to open. */
const THRESHOLD = 0.5;
const PROBE_EVERY_MS = 150;

/**
 * The breaker before Redis: after too many failures nothing is sent, so that nobody waits for a dead or frozen server.
 * No caller is the probe: a PING of its own finds out when Redis is back.
 */
export class Gate {
  readonly #policy = circuitBreaker(handleWhen(isRedisAway), {
    halfOpenAfter: PROBE_EVERY_MS,
    breaker: new CountBreaker({ threshold: THRESHOLD, size: SIZE, minimumNumberOfCalls: LEAST }),
  });
  /** In a row. */
  #successes = 0;
  #probing: NodeJS.Timeout | undefined;

  constructor(
    private readonly redis: RedisHandle,
    logger: Logger,
    private readonly deadlineMs: number,
  ) {
    this.#policy.onBreak(() => {
      if (this.#probing !== undefined) return;
      logger.warn({}, 'redis breaker open');
      this.#probing = setInterval(() => this.#probe(), PROBE_EVERY_MS);
      this.#probing.unref();
    });
    this.#policy.onReset(() => {
      logger.info({}, 'redis breaker closed');
      this.close();
    });
  }

  get isOpen(): boolean {
    return this.#policy.state !== CircuitState.Closed;
  }

  /** Runs `work`, or throws `E_REDIS_UNAVAILABLE` at once where the breaker is open. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.isOpen) {
      throw new RedisUnavailableError('Redis failed too often a moment ago: nothing is sent until it answers again');
    }
    try {
      const result = await work();
      if (this.#successes < SIZE) this.#count(undefined);
      return result;
    } catch (error) {
      this.#count(error);
      throw error;
    }
  }

  close(): void {
    clearInterval(this.#probing);
    this.#probing = undefined;
  }

  /** Tells the breaker, off the caller's way. A success more makes no difference to a window full of them. */
  #count(error: unknown): void {
    const failed = isRedisAway(error);
    this.#successes = failed ? 0 : this.#successes + 1;
    const outcome = () => {
      if (failed) throw error;
    };
    this.#policy.execute(outcome).catch(() => {});
  }

  #probe(): void {
    const ping = () => this.redis.within(this.redis.client('cache').ping(), { deadlineMs: this.deadlineMs });
    this.#policy.execute(ping).catch(() => {});
  }
}

/** The same handle with the breaker before its scripts. What the callers send by themselves they run through the gate. */
export function guarded(redis: RedisHandle, gate: Gate): RedisHandle {
  return {
    mode: redis.mode,
    events: redis.events,
    client: (store) => redis.client(store),
    dedicated: (store, purpose) => redis.dedicated(store, purpose),
    ready: (timeoutMs) => redis.ready(timeoutMs),
    run: (...args) => gate.run(() => redis.run(...args)),
    within: (command, options) => redis.within(command, options),
    nodes: (which, store) => gate.run(() => redis.nodes(which, store)),
    serverMicros: () => redis.serverMicros(),
    close: () => redis.close(),
  };
}
