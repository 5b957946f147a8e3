import { Cluster, type Redis } from 'ioredis';
import type { Owed } from '../cache/invalidate/pending-invalidations';
import type { Clock } from '../clock';
import type { Read } from './batched-read';
import type { Gates } from './circuit-breakers';
import { getEach } from './cluster-reads';
import { isWrongType } from './errors';
import type { RedisClient, RedisHandle } from './types';

/** More keys in one MGET than this delay each other. */
const BATCH = 32;

/**
 * Reads of one tick travel together, so that deadline and breaker cost once a batch: as MGETs on one server; on a
 * cluster, where slots differ, as one pipeline a node.
 */
export class Reader {
  #waiting: Read[] = [];

  constructor(
    readonly redis: RedisHandle,
    readonly gates: Gates,
    private readonly owed: Owed,
    readonly clock: Clock,
    readonly deadlineMs: number,
  ) {}

  add(read: Read): void {
    this.#waiting.push(read);
    if (this.#waiting.length === 1) process.nextTick(this.#flush);
  }

  readonly #flush = (): void => {
    const reads = this.#waiting;
    this.#waiting = [];
    const now = performance.now();
    for (const read of reads) read.sentAt = now;
    let client: RedisClient;
    try {
      client = this.redis.client('cache');
    } catch (error) {
      // Closed before its first use. Thrown on from here it would end the process.
      for (const read of reads) read.failed(error);
      return;
    }
    if (client instanceof Cluster) {
      getEach(reads, client, this);
    } else if (reads.length === 1) {
      void this.#getOne(reads[0] as Read, client);
    } else if (reads.length <= BATCH) {
      void this.#mget(reads, client);
    } else {
      for (let from = 0; from < reads.length; from += BATCH) void this.#mget(reads.slice(from, from + BATCH), client);
    }
  };

  async #getOne(read: Read, client: RedisClient): Promise<void> {
    let value: string | null;
    try {
      const { deadlineMs } = this;
      const gate = this.gates.ofKey(read.physical);
      value = await gate.run(() => this.redis.within(client.get(read.physical), { deadlineMs }));
    } catch (error) {
      if (isWrongType(error)) read.answered('', this.clock.now());
      else read.failed(error);
      return;
    }
    this.answer(read, value, this.clock.now());
  }

  async #mget(reads: readonly Read[], client: Redis): Promise<void> {
    let values: (string | null)[];
    try {
      const keys = reads.map(({ physical }) => physical);
      values = await this.gates.whole.run(() => this.redis.within(client.mget(keys), { deadlineMs: this.deadlineMs }));
    } catch (error) {
      for (const read of reads) read.failed(error);
      return;
    }
    const at = this.clock.now();
    for (let index = 0; index < reads.length; index += 1) this.answer(reads[index] as Read, values[index] ?? null, at);
  }

  /** Not with what an invalidation of ours had taken away from the server before this one. */
  readonly answer = (read: Read, raw: string | null, at: number): void => {
    if (raw === null || !this.owed.isBehind(read.key)) read.answered(raw, at);
    else void this.#answerAnew(read);
  };

  async #answerAnew(read: Read): Promise<void> {
    try {
      await this.owed.payFor(read.key);
    } catch (error) {
      read.failed(error);
      return;
    }
    await this.#getOne(read, this.redis.client('cache'));
  }
}
