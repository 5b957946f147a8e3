import type { Redis } from 'ioredis';
import { DeadlineError } from '../redis/errors';
import type { RedisHandle } from '../redis/types';

/** One read on its way. Exactly one of the two is called. */
export interface Read {
  /** Physical key. */
  readonly physical: string;
  /** When it was sent, by performance.now(); set by the reader. */
  sentAt: number;
  answered(raw: string | null): void;
  failed(error: unknown): void;
}

/** More keys in one MGET than this delay each other. */
const BATCH = 32;

/**
 * Reads of one tick travel together, and share one deadline: as MGETs on one server; on a cluster, where slots differ,
 * as single GETs.
 */
export class Reader {
  #waiting: Read[] = [];

  constructor(
    private readonly redis: RedisHandle,
    private readonly deadlineMs: number,
  ) {}

  add(read: Read): void {
    this.#waiting.push(read);
    if (this.#waiting.length === 1) process.nextTick(this.#flush);
  }

  /** For those who want a promise. */
  read(physical: string): Promise<string | null> {
    return new Promise((answered, failed) => this.add({ physical, sentAt: 0, answered, failed }));
  }

  readonly #flush = (): void => {
    const reads = this.#waiting;
    this.#waiting = [];
    const now = performance.now();
    for (const read of reads) read.sentAt = now;
    if (this.redis.mode === 'cluster') {
      this.#getEach(reads);
      return;
    }
    for (let from = 0; from < reads.length; from += BATCH) void this.#mget(reads.slice(from, from + BATCH));
  };

  async #mget(reads: readonly Read[]): Promise<void> {
    let values: (string | null)[];
    try {
      const client = this.redis.client('cache') as Redis;
      const command = client.mget(reads.map(({ physical }) => physical));
      values = await this.redis.within(command, { deadlineMs: this.deadlineMs });
    } catch (error) {
      for (const read of reads) read.failed(error);
      return;
    }
    for (let index = 0; index < reads.length; index += 1) reads[index]?.answered(values[index] ?? null);
  }

  #getEach(reads: readonly Read[]): void {
    const client = this.redis.client('cache');
    const open = new Set(reads);
    const timer = setTimeout(() => {
      for (const read of open) read.failed(new DeadlineError(`no answer from Redis within ${this.deadlineMs} ms`));
      open.clear();
    }, this.deadlineMs);
    const close = (read: Read): boolean => {
      if (!open.delete(read)) return false;
      if (open.size === 0) clearTimeout(timer);
      return true;
    };
    for (const read of reads) {
      client.get(read.physical).then(
        (raw) => close(read) && read.answered(raw),
        (error: unknown) => {
          if (!close(read)) return;
          // Another type is somebody else's value; MGET says nil to it.
          if (String(error).includes('WRONGTYPE')) return read.answered('');
          // What it means is the handle's to say.
          this.redis.within(Promise.reject(error)).catch((mapped: unknown) => read.failed(mapped));
        },
      );
    }
  }
}
