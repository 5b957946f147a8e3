import { type Clock, isWithin } from '../../clock';
import { CACHE_PREFIX } from '../../entities/key';
import { isCluster } from '../../redis/connection/nodes';
import type { RedisHandle } from '../../redis/types';
import { advanceGenerationScript, ensureGenerationScript } from '../entry/cache-scripts';

/** What this process knows of the generation of one tag or prefix. */
export interface TagGeneration {
  /** Its key in Redis. */
  readonly key: string;
  /** In ms of server time; undefined if Redis has no such key. */
  value: number | undefined;
  /** Local time when its last read was sent; 0 before the first. */
  readAt: number;
}

const tagKey = (tag: string) => `${CACHE_PREFIX}epoch:{t:${tag}}`;
const prefixKey = (prefix: string) => `${CACHE_PREFIX}epoch:{p:${prefix}}`;

/** Tags kept in memory. Beyond it the oldest is dropped, which costs one more read of it. */
const MAX_TAGS = 10_000;

export interface TagGenerationsOptions {
  readonly redis: RedisHandle;
  /** A GET in the cache's store, under a deadline. */
  readonly get: (key: string) => Promise<string | null>;
  readonly clock: Clock;
  /** How long a generation may be used after it was read, in ms. */
  readonly cacheMs: number;
  /** How far the clocks of two masters may be apart, in ms. */
  readonly skewMarginMs: number;
}

/** How long to wait for a master's TIME, in ms. Without an answer the skew margin covers that master. */
const TIME_MS = 100;
/** A generation must outlive the entries under it. A day would do; a week costs nothing. */
const SPARE_TTL_MS = 7 * 86_400_000;

/** The generations of tags and prefixes: read with bounded staleness, ensured before a load, advanced to invalidate. */
export class TagGenerations {
  readonly #tags = new Map<string, TagGeneration>();
  readonly #prefixes = new Map<string, TagGeneration>();
  /** Reads that are not sent yet. */
  readonly #soon = new Map<TagGeneration, Promise<void>>();
  /** The latest createdAt that {@link ensure} returned. An invalidation must reach it, even in the same millisecond. */
  #latestCreatedAt = 0;

  constructor(private readonly options: TagGenerationsOptions) {}

  /** Of an encoded tag. */
  ofTag(tag: string): TagGeneration {
    const known = this.#tags.get(tag);
    if (known !== undefined) return known;
    if (this.#tags.size >= MAX_TAGS) this.#forgetOldestTag();
    return add(this.#tags, tag, tagKey(tag));
  }

  /** Of a declared prefix, encoded. */
  ofPrefix(prefix: string): TagGeneration {
    return this.#prefixes.get(prefix) ?? add(this.#prefixes, prefix, prefixKey(prefix));
  }

  /** Whether all of them were read within the last `cacheMs`. `now` is local time. */
  areFresh(generations: readonly TagGeneration[], now: number): boolean {
    const { cacheMs } = this.options;
    for (const generation of generations) if (!isWithin(cacheMs, generation.readAt, now)) return false;
    return true;
  }

  /** Reads them from Redis. A missing one becomes undefined. Callers of the same tick share the reads. */
  async read(generations: readonly TagGeneration[]): Promise<void> {
    await Promise.all(generations.map((generation) => this.#soon.get(generation) ?? this.#read(generation)));
  }

  #read(generation: TagGeneration): Promise<void> {
    const reading = Promise.resolve().then(async () => {
      this.#soon.delete(generation);
      const sentAt = this.options.clock.now();
      const raw = await this.options.get(generation.key);
      this.#learn(generation, raw === null ? undefined : Number(raw), sentAt);
    });
    this.#soon.set(generation, reading);
    return reading;
  }

  /**
   * Before a load or a write: reads them from Redis, creates the missing ones, and keeps them alive longer than the
   * entry. Returns the smallest createdAt that none of them invalidates, in ms; 0 if there are none.
   */
  async ensure(generations: readonly TagGeneration[], entryTtlMs: number, deadlineMs?: number): Promise<number> {
    if (generations.length === 0) return 0;
    const sentAt = this.options.clock.now();
    const ttlMs = entryTtlMs + SPARE_TTL_MS;
    const limit = deadlineMs === undefined ? {} : { deadlineMs };
    const latest = this.#latestCreatedAt;
    const values = await Promise.all(
      generations.map(async (generation) => {
        const args = [this.options.skewMarginMs, ttlMs, Math.max(latest, generation.value ?? 0)];
        const reply = await this.options.redis.run('cache', ensureGenerationScript, [generation.key], args, limit);
        const value = Number(reply);
        this.#learn(generation, value, sentAt);
        return value;
      }),
    );
    const minCreatedAtMs = Math.max(...values) + 1;
    this.#latestCreatedAt = Math.max(this.#latestCreatedAt, minCreatedAtMs);
    return minCreatedAtMs;
  }

  /** Invalidates every entry created under it until now. */
  async advance(generation: TagGeneration): Promise<void> {
    const { redis, skewMarginMs, clock } = this.options;
    const latestTime = redis.mode === 'cluster' ? await this.#latestTime() : 0;
    const sentAt = clock.now();
    const args = [skewMarginMs, SPARE_TTL_MS, latestTime, this.#latestCreatedAt];
    const value = Number(await redis.run('cache', advanceGenerationScript, [generation.key], args));
    this.#learn(generation, value, sentAt);
  }

  /** Each master's clock sets the createdAt of its entries, so the latest clock of all masters counts. */
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

  /** Replies may arrive out of order. A generation only grows, so the greater value and the later read are kept. */
  #learn(generation: TagGeneration, value: number | undefined, sentAt: number): void {
    if (value === undefined) {
      if (sentAt > generation.readAt) generation.value = undefined;
    } else if (generation.value === undefined || value > generation.value) {
      generation.value = value;
    }
    generation.readAt = Math.max(generation.readAt, sentAt);
  }
}

function add(known: Map<string, TagGeneration>, name: string, key: string): TagGeneration {
  const generation = { key, value: undefined, readAt: 0 };
  known.set(name, generation);
  return generation;
}

/** The reply of TIME in ms, rounded up. */
const toMs = ([seconds, micros]: readonly (string | number)[]): number =>
  Number(seconds) * 1_000 + Math.ceil(Number(micros) / 1_000);

/** Whether an entry created then has been invalidated. A generation that Redis has lost invalidates it too. */
export function isInvalidated(createdAtMs: number, generations: readonly TagGeneration[]): boolean {
  for (const { value } of generations) if (value === undefined || createdAtMs <= value) return true;
  return false;
}
