import { EventEmitter } from 'node:events';
import { logicalKey, physicalKey } from '../entities/key';
import { escapeGlob } from '../redis/glob';
import type { RedisHandle } from '../redis/types';
import { CacheInputError } from './errors';
import { physicalGlob } from './invalidate/drop-keys';
import type { Cache } from './types';

export interface KeyvStoreOptions {
  readonly cache: Cache;
  /** The cache's own connection: the iterator scans by it. */
  readonly redis: RedisHandle;
  /** Tells this store's keys from those of others: `keyv:{name}:k:{key}`. Default: `main`. */
  readonly name?: string;
  /** Life of what Keyv sets without a TTL, in seconds: nothing is kept for ever. Default: 2,592,000 (30 days). */
  readonly defaultTtlSeconds?: number;
}

export interface KeyvItem {
  readonly key: string;
  readonly value: unknown;
  /** In ms. */
  readonly ttl?: number | undefined;
}

const MONTH_SECONDS = 2_592_000;
const PAGE = 200;

/**
 * A storage adapter for Keyv, and by it for cacheable, cache-manager and got. Keys are our keys: deadline, breaker,
 * cluster and fences hold for them too. Keyv itself serializes, and adds its namespace to the keys.
 *
 * @example
 * const keyv = new Keyv({ store: createKeyvStore({ cache: steward.cache, redis: steward.redis }) });
 */
export class KeyvStore extends EventEmitter {
  /** Keyv sets it, and prefixes the keys by it. */
  namespace: string | undefined;
  readonly opts: { readonly dialect: string };
  readonly #options: Required<KeyvStoreOptions>;
  readonly #prefix: string;

  constructor(options: KeyvStoreOptions) {
    super();
    const { name = 'main', defaultTtlSeconds = MONTH_SECONDS } = options;
    if (!/^[\w-]{1,64}$/.test(name)) {
      throw new CacheInputError(
        'Expected the name of a Keyv store to be 1 to 64 letters, digits, dashes and underscores',
      );
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

  /** True where all of them were there. */
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

  /** All of this store, or of the namespace that Keyv has set. */
  async clear(): Promise<void> {
    await this.#options.cache.invalidatePattern(this.#pattern(this.namespace));
  }

  /** What is there, in no order, each key once. What changes meanwhile may be missed. */
  async *iterator(namespace?: string): AsyncGenerator<[string, unknown], void> {
    const { cache, redis } = this.#options;
    const glob = physicalGlob(this.#pattern(namespace));
    const seen = new Set<string>();
    for (const { client } of await redis.nodes('masters', 'cache')) {
      let cursor = '0';
      do {
        const [next, page] = await redis.within(client.scan(cursor, 'MATCH', glob, 'COUNT', PAGE));
        cursor = next;
        const keys = page.flatMap((physical) => {
          const key = logicalKey(physical);
          return key !== undefined && physicalKey(key) === physical && !seen.has(key) ? [key] : [];
        });
        for (const key of keys) seen.add(key);
        for (const [key, value] of await cache.getMany(keys)) yield [key.slice(this.#prefix.length), value];
      } while (cursor !== '0');
    }
  }

  /** The cache and its connection belong to who made them. */
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
