import type { Logger } from '../logger';
import { outsideCalls } from '../outside-calls';
import { slotAddress } from './connection/nodes';
import { isRedisUnavailable, RedisUnavailableError } from './errors';
import { slotOf } from './slot';
import type { LogicalStore, RedisHandle } from './types';

/** The breaker looks at the last this many commands or batches ... */
const SIZE = 10;
/** ... once there are this many, ... */
const LEAST = 5;
/** ... and opens if more than this share of them failed. */
const THRESHOLD = 0.5;
const PROBE_EVERY_MS = 150;

/**
 * The circuit breaker of one node: after too many failures nothing is sent, so that nobody waits for a dead or frozen
 * server. A background PING tests the node; callers' commands are never used as probes.
 */
export class CircuitBreaker {
  /** Whether each of the last outcomes was a failure, the newest last. */
  #outcomes: boolean[] = [];
  #failures = 0;
  #isOpen = false;
  #isProbing = false;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  /** `node`: its address, for the log; `probe` rejects while the node is unavailable. */
  constructor(
    private readonly node: string,
    private readonly logger: Logger,
    private readonly probe: () => Promise<unknown>,
  ) {}

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** The error that callers get while the breaker is open. */
  refusal(): RedisUnavailableError {
    return new RedisUnavailableError(
      'the circuit breaker of Redis is open after repeated failures: nothing is sent until a PING is answered',
    );
  }

  /** Runs `work`, or throws `E_REDIS_UNAVAILABLE` at once if the breaker is open. */
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

  /** Counts an outcome. What was sent before the breaker opened, and ends after that, decides nothing. */
  count(error: unknown): void {
    if (this.#isOpen) return;
    const failed = isRedisUnavailable(error);
    // Nothing is changed by one more success among successes.
    if (!failed && this.#failures === 0 && this.#outcomes.length === SIZE) return;
    this.#outcomes.push(failed);
    if (failed) this.#failures += 1;
    if (this.#outcomes.length > SIZE && this.#outcomes.shift()) this.#failures -= 1;
    const count = this.#outcomes.length;
    if (count >= LEAST && this.#failures > THRESHOLD * count) this.#open();
  }

  /** Ends the probing for good, even if commands fail from now on. */
  close(): void {
    this.#isClosed = true;
    clearInterval(this.#timer);
  }

  #open(): void {
    this.#isOpen = true;
    if (this.#isClosed) return;
    this.logger.warn(this.#where, 'redis circuit breaker open: commands fail at once until a PING is answered');
    this.#timer = outsideCalls(() => setInterval(() => void this.#test(), PROBE_EVERY_MS)).unref();
  }

  /** Any answer of the node closes the breaker, also an error. */
  async #test(): Promise<void> {
    if (this.#isProbing) return;
    this.#isProbing = true;
    try {
      await this.probe();
    } catch (error) {
      if (isRedisUnavailable(error)) return;
    } finally {
      this.#isProbing = false;
    }
    this.#outcomes = [];
    this.#failures = 0;
    this.#isOpen = false;
    clearInterval(this.#timer);
    this.logger.info(this.#where, 'redis circuit breaker closed: commands are sent again');
  }

  get #where(): { readonly node?: string } {
    return this.node === '' ? {} : { node: this.node };
  }
}

export interface CircuitBreakersOptions {
  readonly redis: Pick<RedisHandle, 'mode' | 'client' | 'nodes' | 'within'>;
  /** Whose connection the probes use. */
  readonly store: LogicalStore;
  readonly logger: Logger;
  /** How long a probe waits for an answer, in ms. */
  readonly deadlineMs: number;
}

/** One circuit breaker a node: if one master of a cluster is dead, commands still go to the others. */
export class CircuitBreakers {
  readonly #breakers = new Map<string, CircuitBreaker>();
  /** Of the one server; on a cluster, of commands whose master is not known. */
  readonly whole: CircuitBreaker;

  constructor(private readonly options: CircuitBreakersOptions) {
    const { redis, store } = options;
    this.whole = this.#make('', () =>
      redis.mode === 'cluster' ? redis.nodes('masters') : this.#within(redis.client(store).ping()),
    );
  }

  /** Of the master at `host:port`; undefined if it is not known. */
  of(address: string | undefined): CircuitBreaker {
    if (address === undefined) return this.whole;
    return this.#breakers.get(address) ?? this.#make(address, () => this.#probe(address));
  }

  /** Of the node that has the key, as far as this process knows. */
  ofKey(physical: string): CircuitBreaker {
    const { redis, store } = this.options;
    if (redis.mode !== 'cluster') return this.whole;
    return this.of(slotAddress(redis.client(store), slotOf(physical)));
  }

  /** Whether any node is unavailable. */
  get isOpen(): boolean {
    for (const breaker of this.#breakers.values()) if (breaker.isOpen) return true;
    return false;
  }

  close(): void {
    for (const breaker of this.#breakers.values()) breaker.close();
  }

  #make(address: string, probe: () => Promise<unknown>): CircuitBreaker {
    const breaker = new CircuitBreaker(address, this.options.logger, probe);
    this.#breakers.set(address, breaker);
    return breaker;
  }

  /** Reads the map of slots again: once another node has replaced a lost master, the lost one is no longer pinged. */
  async #probe(address: string): Promise<void> {
    const masters = await this.options.redis.nodes('masters');
    const node = masters.find((each) => each.address === address);
    if (node !== undefined) await this.#within(node.client.ping());
  }

  #within<T>(command: Promise<T>): Promise<T> {
    return this.options.redis.within(command, { deadlineMs: this.options.deadlineMs });
  }
}

/** The same access to Redis, with scripts behind their node's breaker. Plain commands need `breaker.run` by the caller. */
export const guarded = (redis: RedisHandle, breakers: CircuitBreakers): RedisHandle => ({
  mode: redis.mode,
  events: redis.events,
  client: (store) => redis.client(store),
  dedicated: (store, purpose) => redis.dedicated(store, purpose),
  ready: (timeoutMs) => redis.ready(timeoutMs),
  run: (store, script, keys, ...rest) =>
    breakers.ofKey(keys[0] ?? '').run(() => redis.run(store, script, keys, ...rest)),
  within: (command, options) => redis.within(command, options),
  nodes: (which, store) => breakers.whole.run(() => redis.nodes(which, store)),
  serverMicros: () => redis.serverMicros(),
  close: () => redis.close(),
});
