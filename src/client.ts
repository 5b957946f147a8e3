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
import type { Entity } from './entities/define-entity';
import { type LazyPool, lazyPool, type SqlPool } from './entities/postgres';
import { type Entities, entityRegistry } from './entities/registry';
import { coerceError } from './errors';
import { jsonLogger, type Logger } from './logger';
import { type Counters, createCounters, createRedis, type RedisHandle } from './redis';
import { createDemand, type RunningDemand } from './refresh-ahead';
import { readSettings, type Settings } from './settings';
import { type StorageClients, storageClients } from './storage/clients';
import { createLimitedJournal, createStorageQueueJournal, type JournalConsumer } from './write-behind';

/** The entities, or a function that makes them from what the process has. */
export type EntitiesSource = readonly Entity[] | ((ports: { readonly pool: SqlPool }) => readonly Entity[]);

export interface ClientOptions {
  readonly entities: EntitiesSource;
  /** Default: read from the environment. */
  readonly settings?: Settings;
  /** Default: lines of JSON on standard output, warnings and errors only. */
  readonly logger?: Logger;
  /** What this process is to Redis, shown in CLIENT LIST. Default: `web`. */
  readonly role?: string;
  readonly clock?: Clock;
  readonly cache?: CacheOptions;
}

/** Everything a process needs to use the cache, wired together; nothing connects before the first use. */
export interface Client {
  readonly cache: Cache;
  readonly redis: RedisHandle;
  readonly fence: Fence;
  readonly journal: Journal & JournalConsumer;
  readonly demand: RunningDemand;
  readonly entities: Entities;
  readonly pool: LazyPool;
  readonly storage: StorageClients;
  readonly counters: Counters;
  readonly settings: Settings;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Makes the tables that the entities' stores need, where it may. Idempotent. */
  migrate(): Promise<void>;
  /** Sends what is still in memory (journal first), then ends every connection. */
  close(): Promise<void>;
}

const COUNTERS_EVERY_MS = 10 * SECOND;

/**
 * The composition root of a web app, and the lower half of the jobs'. Throws `E_SETTINGS`.
 *
 * @example
 * const steward = createClient({ entities: createEntities });
 * app.get('/users/:id', async (req, res) => res.json(await steward.cache.get(`user:profile:${req.params.id}`)));
 */
export function createClient(options: ClientOptions): Client {
  const { settings = readSettings(), logger = jsonLogger('warn'), role = 'web', clock = systemClock } = options;
  const redis = createRedis({ settings, logger, role });
  const storage = storageClients(settings);
  const counters = createCounters({ redis, logger });
  const pool = lazyPool(settings, (error) => logger.warn({ error: error.message }, 'idle database connection lost'));
  const entities = entityRegistry(
    typeof options.entities === 'function' ? options.entities({ pool }) : options.entities,
  );
  const fence = createFence({ redis, logger, clock });
  const queue = createStorageQueueJournal({ storage, settings, logger, clock, counters });
  const journal = createLimitedJournal({ journal: queue, entities, settings, logger, clock, counters });
  const demand = createDemand({
    ...{ redis, entities, settings, counters, logger, clock },
    refresh: (keys) => cache.refresh(keys),
  });
  const cache: Cache = createCache({
    ...{ redis, entities, journal, demand, counters, logger, clock },
    options: { ...cacheOptions(settings), ...options.cache },
  });
  const flushing = setInterval(() => void counters.flush(), COUNTERS_EVERY_MS).unref();

  return {
    ...{ cache, redis, fence, journal, demand, entities, pool, storage, counters, settings, logger, clock },
    async migrate() {
      for (const entity of entities.all()) await entity.store?.migrate();
    },
    async close() {
      clearInterval(flushing);
      // In order: what was accepted first, what is only counted last. One that fails must not keep the rest open.
      const ends = [journal, demand, cache, { close: () => counters.flush() }, redis, pool];
      for (const end of ends) {
        await end.close().catch((error: unknown) => {
          logger.error({ error: coerceError(error).message }, 'closing failed');
        });
      }
    },
  };
}
