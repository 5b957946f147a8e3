import {
  type Cache,
  type CacheOptions,
  cacheOptions,
  createCache,
  createFence,
  type Fence,
  type Journal,
} from './cache';
import { type Clock, SECOND, systemClock } from './clock';
import { containedLogger } from './contained';
import type { Entity } from './entities/define-entity';
import { type LazyPool, lazyPool, type SqlPool } from './entities/postgres';
import { type Entities, entityRegistry } from './entities/registry';
import type { Version } from './entities/version';
import { coerceError } from './errors';
import { jsonLogger, type Logger } from './logger';
import { type Counters, type CredentialSource, createCounters, createRedis, type RedisHandle } from './redis';
import { CircuitBreakers, guarded } from './redis/circuit-breaker';
import { createDemand, type RunningDemand } from './refresh-ahead';
import { readSettings, type Settings } from './settings';
import { type StorageClients, storageClients } from './storage/clients';
import {
  type CloseOptions,
  createWriteBehind,
  type FlushAllOptions,
  type FlushAllReport,
  type FlushKeyOptions,
  type JournalConsumer,
  type WriteBehind,
  type WriteBehindEnd,
} from './write-behind';

/** The entities, or a function that makes them from the process' database pool. */
export type EntitiesSource = readonly Entity[] | ((ports: { readonly pool: SqlPool }) => readonly Entity[]);

export interface ClientOptions {
  readonly entities: EntitiesSource;
  /** Default: read from the environment. */
  readonly settings?: Settings;
  /** Default: lines of JSON on standard output, warnings and errors only. */
  readonly logger?: Logger;
  /** Names the connections of this process in CLIENT LIST. Default: `web`. */
  readonly role?: string;
  /** Signs in to Redis with these instead of those that the settings name. */
  readonly credentials?: CredentialSource;
  readonly clock?: Clock;
  /** Where accepted writes wait until they are saved. Default: an Azure Storage Queue. */
  readonly journal?: Journal & JournalConsumer;
  readonly cache?: CacheOptions;
}

/** Everything that a process needs to use the cache, connected to each other. Nothing connects to a server before the first use. */
export interface Client {
  readonly cache: Cache;
  readonly redis: RedisHandle;
  readonly fence: Fence;
  readonly journal: WriteBehind['journal'];
  readonly deadLetters: WriteBehind['deadLetters'];
  readonly flusher: WriteBehind['flusher'];
  readonly demand: RunningDemand;
  readonly entities: Entities;
  readonly pool: LazyPool;
  readonly storage: StorageClients;
  readonly counters: Counters;
  readonly settings: Settings;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Creates the tables that the entities' stores need, if it has the right to. Idempotent. */
  migrate(): Promise<void>;
  /**
   * Saves a key's waiting write now, by the statement that the flush job uses, and returns the version that the store
   * then has. With `version` (the result of `writeBehind`) it resolves once the store has that version or a newer one,
   * whoever saved it. Without, it saves the write that the cache shows as not yet saved, and returns undefined if there
   * is none: the cache can't show an entry that was evicted.
   *
   * Throws `E_FLUSH_TIMEOUT` (the write stays in the journal), the store's errors, `E_VERSION` for a version from the
   * future, `E_DEADLINE` or `E_REDIS_UNAVAILABLE` without `version`, `E_CACHE_INPUT` for a key of no stored entity.
   */
  flush(key: string, options?: FlushKeyOptions): Promise<Version | undefined>;
  /**
   * Saves everything in the journal, as the flush job does and beside it, until the journal is empty or time is up, and
   * reports the rest. Needs the right to take messages from the queue. Rejects if storage does not answer or forbids it.
   */
  flushAll(options?: FlushAllOptions): Promise<FlushAllReport>;
  /**
   * Finishes running work, writes first, then closes every connection; for SIGTERM. No acknowledged write depends on it.
   * Returns what write-behind leaves in the journal for the jobs. Never rejects.
   */
  close(options?: CloseOptions): Promise<WriteBehindEnd>;
}

const COUNTERS_EVERY_MS = 10 * SECOND;

/**
 * The composition root of a web app, which the jobs' composition root builds on. Throws `E_SETTINGS`.
 *
 * @example
 * const steward = createClient({ entities: createEntities });
 * app.get('/users/:id', async (req, res) => res.json(await steward.cache.get(`user:profile:${req.params.id}`)));
 */
export function createClient(options: ClientOptions): Client {
  const { settings = readSettings(), role = 'web', clock = systemClock } = options;
  const logger = containedLogger(options.logger ?? jsonLogger('warn'));
  const { credentials } = options;
  const redis = createRedis({ settings, logger, role, ...(credentials && { credentials }) });
  const storage = storageClients(settings);
  const counters = createCounters({ redis, logger });
  const pool = lazyPool(settings, (error) => logger.warn({ error: error.message }, 'idle database connection lost'));
  const entities = entityRegistry(
    typeof options.entities === 'function' ? options.entities({ pool }) : options.entities,
  );
  const cacheSettings = { ...cacheOptions(settings), ...options.cache };
  const { deadlineMs = settings.REDIS_DEADLINE_MS, writerId } = cacheSettings;
  const breakers = new CircuitBreakers({ redis, store: 'cache', logger, deadlineMs });
  const shared = { redis, storage, entities, settings, counters, logger, clock };
  const writer = writerId === undefined ? {} : { writerId };
  const fence = createFence({ redis: guarded(redis, breakers), logger, clock, ...writer });
  const given = options.journal && { journal: options.journal };
  const writeBehind = createWriteBehind({ ...shared, fence, ...given });
  const { journal } = writeBehind;
  const demand = createDemand(shared);
  const cache: Cache = createCache({ ...shared, breakers, fence, journal, demand, options: cacheSettings });
  const flushing = setInterval(() => void counters.flush(), COUNTERS_EVERY_MS).unref();

  return {
    ...shared,
    ...writeBehind,
    cache,
    fence,
    demand,
    pool,
    async migrate() {
      for (const entity of entities.all()) await entity.store?.migrate();
    },
    async close(closeOptions) {
      clearInterval(flushing);
      // In this order: accepted writes first, counters last. If one fails to close, the others are closed all the same.
      const end = await writeBehind.close(closeOptions);
      const ends = [demand, cache, { close: () => counters.flush() }, redis, pool];
      for (const one of ends) {
        await one.close().catch((error: unknown) => {
          logger.error({ error: coerceError(error).message }, 'closing failed');
        });
      }
      return end;
    },
  };
}
