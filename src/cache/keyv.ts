import { EventEmitter } from 'node:events';
import { logicalKey, physicalKey } from '../entities/key';
import { escapeGlob } from '../redis/scripts/glob';
import type { RedisHandle } from '../redis/types';
import { CacheInputError } from './errors';
import { physicalGlob } from './invalidate/drop-keys';
import type { Cache } from './types';

export interface KeyvStoreOptions {
  readonly cache: Cache;
  /** The cache's connection, which the iterator scans with. */
  readonly redis: RedisHandle;
  /** Part of this store's keys: `keyv:{name}:k:{key}`. Each store needs its own. Default: `main`. */
  readonly name?: string;
  /** Life of a value that Keyv sets without a TTL, in seconds: no value is kept for ever. Default: 2,592,000 (30 days). */
  readonly defaultTtlSeconds?: number;
}

export interface KeyvItem {
  readonly key: string;
  readonly value: unknown;
  /** In ms. */
  readonly ttl?: number | undefined;
}

const MONTH_SECONDS = 2_592_000;
const SCAN_COUNT = 200;

/**
 * A storage adapter for Keyv, and so for cacheable, cache-manager and got. Its keys are keys of our cache, with the same
 * deadline, circuit breaker, cluster support and fence. Keyv itself serializes, and adds its namespace to the keys.
 *
 * @example
 * const keyv = new Keyv({ store: createKeyvStore({ cache: steward.cache, redis: steward.redis }) });
 */
export class KeyvStore extends EventEmitter {
  /** Keyv sets it, and adds it to the keys. */
  namespace: string | undefined;
  readonly opts: { readonly dialect: string };
  readonly #options: Required<KeyvStoreOptions>;
  readonly #prefix: string;

  constructor(options: KeyvStoreOptions) {
    super();
    const { name = 'main', defaultTtlSeconds = MONTH_SECONDS } = options;
    if (!/^[\w-]{1,64}$/.test(name)) {
      const message = 'Expected the name of a Keyv store to be 1 to 64 letters, digits, dashes and underscores';
      throw new CacheInputError(message);
    }
    this.#options = { ...options, name, defaultTtlSeconds };
    this.#prefix = `keyv:${name}:k:`;
    this.opts = { dialect: 'redis' };
  }

  async get<T>(key: string): Promise<T | undefined> {
    return this.#options.cache.get<T>(this.#own(key));
  }

  async getMany<T>(keys: readonly string[]): Promise<(T | undefined)[]> {
    const own = keys.map((key) => this.#own(key));
    const found = await this.#options.cache.getMany<T>(own);
    return own.map((key) => found.get(key));
  }

  async set(key: string, value: unknown, ttl?: number): Promise<boolean> {
    await this.#options.cache.set(this.#own(key), value, this.#life(ttl));
    return true;
  }

  async setMany(items: readonly KeyvItem[]): Promise<void> {
    await Promise.all(items.map(({ key, value, ttl }) => this.set(key, value, ttl)));
  }

  async delete(key: string): Promise<boolean> {
    return this.#options.cache.delete(this.#own(key));
  }

  /** Returns whether all of them existed. */
  async deleteMany(keys: readonly string[]): Promise<boolean> {
    const results = await Promise.all(keys.map((key) => this.delete(key)));
    return results.every(Boolean);
  }

  async has(key: string): Promise<boolean> {
    return this.#options.cache.has(this.#own(key));
  }

  async hasMany(keys: readonly string[]): Promise<boolean[]> {
    return Promise.all(keys.map((key) => this.has(key)));
  }

  /** Deletes every key of this store, or of the namespace if Keyv has set one. */
  async clear(): Promise<void> {
    await this.#options.cache.invalidatePattern(this.#pattern(this.namespace));
  }

  /** Every key and its value, each once, in no order. Changes during the iteration may be missed. */
  async *iterator(namespace?: string): AsyncGenerator<[string, unknown], void> {
    const { cache, redis } = this.#options;
    const glob = physicalGlob(this.#pattern(namespace));
    const seen = new Set<string>();
    for (const { client } of await redis.nodes('masters', 'cache')) {
      let cursor = '0';
      do {
        const [next, found] = await redis.within(client.scan(cursor, 'MATCH', glob, 'COUNT', SCAN_COUNT));
        cursor = next;
        const keys = found.flatMap((physical) => {
          const key = logicalKey(physical);
          return key !== undefined && physicalKey(key) === physical && !seen.has(key) ? [key] : [];
        });
        for (const key of keys) seen.add(key);
        for (const [key, value] of await cache.getMany(keys)) yield [key.slice(this.#prefix.length), value];
      } while (cursor !== '0');
    }
  }

  /** Closes nothing: the cache and its connection belong to their creator. */
  async disconnect(): Promise<void> {}

  #own(key: string): string {
    return `${this.#prefix}${key}`;
  }

  #life(ttlMs: number | undefined) {
    return { ttlSeconds: ttlMs === undefined ? this.#options.defaultTtlSeconds : ttlMs / 1_000, jitter: 0 };
  }

  #pattern(namespace: string | undefined): string {
    const inside = namespace === undefined ? '' : `${escapeGlob(namespace)}:`;
    return `${this.#prefix}${inside}*`;
  }
}

export const createKeyvStore = (options: KeyvStoreOptions): KeyvStore => new KeyvStore(options);
