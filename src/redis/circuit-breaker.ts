import { CircuitState, CountBreaker, circuitBreaker, handleWhen } from 'cockatiel';
import type { Logger } from '../logger';
import { isRedisUnavailable, RedisUnavailableError } from './errors';

/** Of the last this many commands or batches, ... */
const SIZE = 10;
/** ... and not before this many, ... */
const LEAST = 5;
/** ... a greater part than this must have failed for the breaker to open. */
const THRESHOLD = 0.5;
const PROBE_EVERY_MS = 150;

/**
 * The breaker before one node: after too many failures nothing is sent, so that nobody waits for a dead or frozen
 * server. No caller is the probe: one of its own finds out when the node is back.
 */
export class Gate {
  readonly #policy = circuitBreaker(handleWhen(isRedisUnavailable), {
    halfOpenAfter: PROBE_EVERY_MS,
    breaker: new CountBreaker({ threshold: THRESHOLD, size: SIZE, minimumNumberOfCalls: LEAST }),
  });
  /** In a row. */
  #successes = 0;
  #probing: NodeJS.Timeout | undefined;
  #isClosed = false;

  /** `node`: its address, for the log; `probe` rejects while it is away. */
  constructor(node: string, logger: Logger, probe: () => Promise<unknown>) {
    const where = node === '' ? {} : { node };
    this.#policy.onBreak(() => {
      if (this.#isClosed || this.#probing !== undefined) return;
      logger.warn(where, 'redis breaker open');
      this.#probing = setInterval(() => void this.#policy.execute(probe).catch(() => {}), PROBE_EVERY_MS);
      this.#probing.unref();
    });
    this.#policy.onReset(() => {
      logger.info(where, 'redis breaker closed');
      this.#endProbing();
    });
  }

  get isOpen(): boolean {
    return this.#policy.state !== CircuitState.Closed;
  }

  /** What callers get while it is open. */
  refusal(): RedisUnavailableError {
    return new RedisUnavailableError('Redis failed too often a moment ago: nothing is sent until it answers again');
  }

  /** Runs `work`, or throws `E_REDIS_UNAVAILABLE` at once where the breaker is open. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.isOpen) throw this.refusal();
    try {
      const result = await work();
      this.count(undefined);
      return result;
    } catch (error) {
      this.count(error);
      throw error;
    }
  }

  /** Tells the breaker, off the caller's way. A success more makes no difference to a window full of them. */
  count(error: unknown): void {
    const failed = isRedisUnavailable(error);
    if (!failed && this.#successes >= SIZE) return;
    this.#successes = failed ? 0 : this.#successes + 1;
    const outcome = () => {
      if (failed) throw error;
    };
    this.#policy.execute(outcome).catch(() => {});
  }

  /** For good: whatever fails from now on, nobody asks after the node any more. */
  close(): void {
    this.#isClosed = true;
    this.#endProbing();
  }

  #endProbing(): void {
    clearInterval(this.#probing);
    this.#probing = undefined;
  }
}
