import type { Redis } from 'ioredis';
import type { Clock } from '../../clock';
import type { CircuitBreakers } from '../circuit-breaker';
import { isCluster } from '../connection/nodes';
import { isWrongType, RedisUnavailableError } from '../errors';
import type { LogicalStore, RedisClient, RedisHandle, RunOptions } from '../types';
import { type BatchedRead, readEach } from './cluster-reads';

/** More keys in one MGET than this delay each other. */
const BATCH = 32;

interface ReadBatcherOptions {
  readonly redis: Pick<RedisHandle, 'client' | 'within'>;
  readonly store: LogicalStore;
  /** Default: none, so that every read is sent. */
  readonly breakers?: CircuitBreakers;
  /** Default: that of `redis`. */
  readonly deadlineMs?: number;
  readonly clock: Clock;
  /** Runs `flush` when a batch ends. `process.nextTick` waits for least, `setImmediate` gathers the requests of all sockets. */
  readonly schedule: (flush: () => void) => void;
  /**
   * If a value just read may be one that this process has invalidated: the retry of that invalidation, after which the
   * key is read again. Default: never.
   */
  readonly repair?: (key: string) => Promise<unknown> | undefined;
}

/**
 * Reads that begin together travel together, so that deadline and circuit breaker cost once a batch: as MGETs on one
 * server; on a cluster, whose slots differ, as one pipeline a node.
 */
export class ReadBatcher {
  #waiting: BatchedRead[] = [];
  readonly #within: RunOptions;

  constructor(private readonly options: ReadBatcherOptions) {
    this.#within = options.deadlineMs === undefined ? {} : { deadlineMs: options.deadlineMs };
  }

  add(read: BatchedRead): void {
    this.#waiting.push(read);
    if (this.#waiting.length === 1) this.options.schedule(this.#flush);
  }

  /** The text that a key holds; undefined if there is none, or a value of another type. */
  get(key: string): Promise<string | undefined> {
    return new Promise((resolve, reject) => {
      this.add({
        key,
        physical: key,
        hashTag: key,
        sentAt: 0,
        settled: false,
        answered: (raw) => resolve(raw ?? undefined),
        holdsNoString: () => resolve(undefined),
        failed: reject,
      });
    });
  }

  readonly #flush = (): void => {
    const reads = this.#waiting;
    this.#waiting = [];
    const now = performance.now();
    for (const read of reads) read.sentAt = now;
    const { redis, store, breakers, clock } = this.options;
    let client: RedisClient;
    try {
      client = redis.client(store);
    } catch (error) {
      // Closed before its first use. An error thrown from here would end the process.
      for (const read of reads) read.failed(error);
      return;
    }
    if (isCluster(client)) {
      readEach(reads, client, { redis, breakers, clock, within: this.#within, answer: this.#answer });
    } else if (reads.length === 1) {
      void this.#getOne(reads[0] as BatchedRead, client);
    } else if (reads.length <= BATCH) {
      void this.#getMany(reads, client);
    } else {
      for (let from = 0; from < reads.length; from += BATCH)
        void this.#getMany(reads.slice(from, from + BATCH), client);
    }
  };

  async #getOne(read: BatchedRead, client: RedisClient): Promise<void> {
    const { redis, breakers, clock } = this.options;
    let value: string | null;
    try {
      const get = () => redis.within(client.get(read.physical), this.#within);
      value = await (breakers === undefined ? get() : breakers.ofKey(read.physical).run(get));
    } catch (error) {
      if (isWrongType(error)) read.holdsNoString(clock.now());
      else read.failed(error);
      return;
    }
    this.#answer(read, value, clock.now());
  }

  async #getMany(reads: readonly BatchedRead[], client: Redis): Promise<void> {
    const { redis, breakers, clock } = this.options;
    let values: (string | null)[];
    try {
      const keys = reads.map(({ physical }) => physical);
      const get = () => redis.within(client.mget(keys), this.#within);
      values = await (breakers === undefined ? get() : breakers.whole.run(get));
      if (!Array.isArray(values)) throw new RedisUnavailableError('Redis did not answer MGET with a list');
    } catch (error) {
      for (const read of reads) read.failed(error);
      return;
    }
    const at = clock.now();
    for (let index = 0; index < reads.length; index += 1) {
      this.#answer(reads[index] as BatchedRead, values[index] ?? null, at);
    }
  }

  /** Nobody awaits it: what it throws is the failure of the read. */
  readonly #answer = (read: BatchedRead, raw: string | null, at: number): void => {
    try {
      const repairing = raw === null ? undefined : this.options.repair?.(read.key);
      if (repairing !== undefined) void this.#readAgain(read, repairing);
      else if (raw === null || typeof raw === 'string') read.answered(raw, at);
      else read.holdsNoString(at);
    } catch (error) {
      read.failed(error);
    }
  };

  async #readAgain(read: BatchedRead, repairing: Promise<unknown>): Promise<void> {
    let client: RedisClient;
    try {
      await repairing;
      client = this.options.redis.client(this.options.store);
    } catch (error) {
      read.failed(error);
      return;
    }
    await this.#getOne(read, client);
  }
}
