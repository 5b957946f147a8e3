import { type Clock, isWithin } from '../../clock';
import { CACHE_PREFIX } from '../../entities/key';
import { isCluster } from '../../redis/connection/nodes';
import type { RedisHandle } from '../../redis/types';
import { bumpEpochScript, openEpochScript } from '../entry/cache-scripts';

/** What this process knows of one epoch. `value` in ms; undefined where the key is not in Redis. */
export interface Epoch {
  /** Key of the epoch in Redis. */
  readonly key: string;
  value: number | undefined;
  /** Local time at which the last read of it was sent; 0 before the first. */
  readAt: number;
}

const tagEpochKey = (tag: string) => `${CACHE_PREFIX}epoch:{t:${tag}}`;
const prefixEpochKey = (prefix: string) => `${CACHE_PREFIX}epoch:{p:${prefix}}`;

/** Tags known at once. Beyond it the first known is forgotten, which costs one more read. */
const MAX_TAGS = 10_000;

export interface EpochsOptions {
  readonly redis: RedisHandle;
  /** A GET in the cache's store, under a deadline. */
  readonly get: (key: string) => Promise<string | null>;
  readonly clock: Clock;
  /** How long an epoch once read is believed, in ms. */
  readonly cacheMs: number;
  /** How far the clocks of two masters may be apart, in ms. */
  readonly skewMarginMs: number;
}

/** A master that does not tell its time within this, in ms, is left to the margin. */
const TIME_MS = 100;
/** A day past the longest life would do; a week costs nothing. */
const SPARE_TTL_MS = 7 * 86_400_000;

/** The epochs of tags and prefixes: read with bounded staleness, opened before a load, bumped by an invalidation. */
export class Epochs {
  readonly #tags = new Map<string, Epoch>();
  readonly #prefixes = new Map<string, Epoch>();
  /** Reads that were not sent yet. */
  readonly #soon = new Map<Epoch, Promise<void>>();
  /** The greatest stamp given out: what was stored before an invalidation is killed by it, in whatever millisecond. */
  #latestStamp = 0;

  constructor(private readonly options: EpochsOptions) {}

  /** Of an encoded tag. */
  ofTag(tag: string): Epoch {
    let epoch = this.#tags.get(tag);
    if (epoch === undefined) {
      if (this.#tags.size >= MAX_TAGS) this.#forgetOldestTag();
      epoch = { key: tagEpochKey(tag), value: undefined, readAt: 0 };
      this.#tags.set(tag, epoch);
    }
    return epoch;
  }

  /** Of a declared prefix, encoded. */
  ofPrefix(prefix: string): Epoch {
    let epoch = this.#prefixes.get(prefix);
    if (epoch === undefined) {
      epoch = { key: prefixEpochKey(prefix), value: undefined, readAt: 0 };
      this.#prefixes.set(prefix, epoch);
    }
    return epoch;
  }

  /** True where all of them were read recently enough to be believed. */
  areFresh(epochs: readonly Epoch[], now: number): boolean {
    const { cacheMs } = this.options;
    for (const epoch of epochs) if (!isWithin(cacheMs, epoch.readAt, now)) return false;
    return true;
  }

  /** Reads them from Redis as they are now; one that is missing is left undefined. Readers of one moment share it. */
  async read(epochs: readonly Epoch[]): Promise<void> {
    await Promise.all(epochs.map((epoch) => this.#soon.get(epoch) ?? this.#read(epoch)));
  }

  #read(epoch: Epoch): Promise<void> {
    const reading = Promise.resolve().then(async () => {
      this.#soon.delete(epoch);
      const sentAt = this.options.clock.now();
      const raw = await this.options.get(epoch.key);
      this.#learn(epoch, raw === null ? undefined : Number(raw), sentAt);
    });
    this.#soon.set(epoch, reading);
    return reading;
  }

  /**
   * Before a load or a write: reads them afresh, makes those that are missing, and keeps them alive for longer than
   * what is about to be stored. Answers the least stamp that none of them kills, in ms; 0 where there are none.
   */
  async open(epochs: readonly Epoch[], entryTtlMs: number, deadlineMs?: number): Promise<number> {
    if (epochs.length === 0) return 0;
    const sentAt = this.options.clock.now();
    const ttlMs = entryTtlMs + SPARE_TTL_MS;
    const limit = deadlineMs === undefined ? {} : { deadlineMs };
    const given = this.#latestStamp;
    const values = await Promise.all(
      epochs.map(async (epoch) => {
        const args = [this.options.skewMarginMs, ttlMs, Math.max(given, epoch.value ?? 0)];
        const value = Number(await this.options.redis.run('cache', openEpochScript, [epoch.key], args, limit));
        this.#learn(epoch, value, sentAt);
        return value;
      }),
    );
    const least = Math.max(...values) + 1;
    this.#latestStamp = Math.max(this.#latestStamp, least);
    return least;
  }

  /** Makes all that was stamped until now a miss. */
  async bump(epoch: Epoch): Promise<void> {
    const { redis, skewMarginMs, clock } = this.options;
    const latest = redis.mode === 'cluster' ? await this.#latestTime() : 0;
    const sentAt = clock.now();
    const args = [skewMarginMs, SPARE_TTL_MS, latest, this.#latestStamp];
    this.#learn(epoch, Number(await redis.run('cache', bumpEpochScript, [epoch.key], args)), sentAt);
  }

  /** A stamp is in the time of the entry's own master, so the latest of all masters counts. */
  async #latestTime(): Promise<number> {
    const { redis } = this.options;
    await redis.ready();
    const client = redis.client('cache');
    const masters = isCluster(client) ? client.nodes('master') : [];
    const times = masters.map((master) => redis.within(master.time(), { deadlineMs: TIME_MS }).then(toMs, () => 0));
    return Math.max(0, ...(await Promise.all(times)));
  }

  #forgetOldestTag(): void {
    const [oldest] = this.#tags.keys();
    if (oldest !== undefined) this.#tags.delete(oldest);
  }

  /** Answers may come out of order, but an epoch only grows, and a later read is more recent. */
  #learn(epoch: Epoch, value: number | undefined, sentAt: number): void {
    if (value === undefined) {
      if (sentAt > epoch.readAt) epoch.value = undefined;
    } else if (epoch.value === undefined || value > epoch.value) {
      epoch.value = value;
    }
    epoch.readAt = Math.max(epoch.readAt, sentAt);
  }
}

/** What TIME answers, in ms, rounded up. */
const toMs = ([seconds, micros]: readonly (string | number)[]): number =>
  Number(seconds) * 1_000 + Math.ceil(Number(micros) / 1_000);

/** Whether an entry stamped then has been invalidated. A lost epoch fails to a miss. */
export function isKilled(stampMs: number, epochs: readonly Epoch[]): boolean {
  for (const epoch of epochs) if (epoch.value === undefined || stampMs <= epoch.value) return true;
  return false;
}
