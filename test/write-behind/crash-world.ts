import { randomUUID } from 'node:crypto';
import type { DequeuedMessageItem } from '@azure/storage-queue';
import { startAzurite, startPglite, startRedis } from '../../local/servers';
import { createCache, createFence } from '../../src/cache';
import { decodeEntry, FLAG_DIRTY } from '../../src/cache/entry/entry-format';
import { HOUR } from '../../src/clock';
import { defineEntity } from '../../src/entities/define-entity';
import { physicalKey } from '../../src/entities/key';
import { lazyPool, postgresStore } from '../../src/entities/postgres';
import { entityRegistry } from '../../src/entities/registry';
import { silentLogger } from '../../src/logger';
import { createRedis } from '../../src/redis';
import { readSettings } from '../../src/settings';
import { type StorageClients, storageClients } from '../../src/storage/clients';
import { createDeadLetters, createFlusher, createStorageQueueJournal } from '../../src/write-behind';
import { createClaimStore } from '../../src/write-behind/journal/claim-check';
import { Mortal } from './mortal';
import { countersInMemory } from './support';

/** Redis, storage and a database, for one world after the other. */
export async function startServers() {
  const [redisServer, azurite, pglite] = await Promise.all([startRedis(), startAzurite(), startPglite()]);
  const environment = {
    ...{ REDIS_URL: redisServer.appUrl, DATABASE_URL: pglite.url, AzureWebJobsStorage: azurite.connectionString },
    // Nothing but the crash is to be in a write's way, however busy the machine.
    ...{ REDIS_DEADLINE_MS: '20000', WRITE_BEHIND_APPEND_TIMEOUT_MS: '20000', DATABASE_STATEMENT_TIMEOUT_MS: '20000' },
  };
  const settings = readSettings(environment);
  const redis = createRedis({ settings, logger: silentLogger, role: 'test' });
  const pool = lazyPool(settings);
  await Promise.all([redis.ready(10_000), postgresStore({ pool }).migrate()]);
  return {
    ...{ environment, redis, pool },
    async stop() {
      await Promise.all([redis.close(), pool.close()]);
      await Promise.all([redisServer.stop(), azurite.stop(), pglite.stop()]);
    },
  };
}

export type Servers = Awaited<ReturnType<typeof startServers>>;
export type World = Awaited<ReturnType<typeof makeWorld>>;

/** A queue whose delays are over at once. */
const hurried = (clients: StorageClients): StorageClients => ({
  ...clients,
  queue: async (...args) => {
    const queue = await clients.queue(...args);
    const sendMessage: typeof queue.sendMessage = (body, options) =>
      queue.sendMessage(body, { ...options, visibilityTimeout: 0 });
    return Object.assign(Object.create(queue) as typeof queue, { sendMessage });
  },
});

/** What outlives a crash, and processes that may die. */
export async function makeWorld({ environment, redis, pool }: Servers) {
  const id = randomUUID().replaceAll('-', '').slice(0, 8);
  const settings = readSettings({
    ...environment,
    ...{ STORAGE_NAME_PREFIX: `t${id}`, WRITE_BEHIND_QUEUE: `journal-${id}` },
  });
  const storage = storageClients(settings);
  const queue = await storage.queue(settings.WRITE_BEHIND_QUEUE);
  let aheadMs = 0;
  const clock = { now: () => Date.now() + aheadMs };

  function processOf(mortal: Mortal) {
    const ports = {
      ...{ redis: mortal.redis(redis), storage: mortal.storage(hurried(storageClients(settings))) },
      ...{ settings, clock, logger: silentLogger, counters: countersInMemory() },
    };
    const sql = mortal.pool(pool);
    const entities = entityRegistry([
      defineEntity({ name: 'user:profile', store: postgresStore({ pool: sql }) }),
      defineEntity({ name: 'shop:item', store: postgresStore({ pool: sql }) }),
      defineEntity({ name: 'shop:order', store: postgresStore({ pool: sql, table: `late_${id}` }) }),
    ]);
    const journal = createStorageQueueJournal(ports);
    const fence = createFence(ports);
    const deadLetters = createDeadLetters(ports);
    const flusher = createFlusher({ ...ports, entities, fence, journal, deadLetters });
    const cache = createCache({ ...ports, entities, journal });
    return {
      ...{ cache, journal, fence, deadLetters, entities },
      /** As the host does it: what was flushed is deleted. */
      async deliver({ messageText, messageId, popReceipt, dequeueCount }: DequeuedMessageItem) {
        const message: unknown = JSON.parse(Buffer.from(messageText, 'base64').toString('utf8'));
        await flusher.flush(message, { dequeueCount });
        await (await ports.storage.queue(settings.WRITE_BEHIND_QUEUE)).deleteMessage(messageId, popReceipt);
      },
    };
  }
  const survivor = processOf(new Mortal());
  const receive = async () => (await queue.receiveMessages({ numberOfMessages: 32 })).receivedMessageItems;

  return {
    ...{ id, processOf, survivor, receive, claims: createClaimStore({ storage, logger: silentLogger }) },
    /** What a dead process had taken comes back, unless it was deleted. */
    async release({ messageId, popReceipt }: DequeuedMessageItem) {
      await queue.updateMessage(messageId, popReceipt, undefined, 0).catch((error: { statusCode?: number }) => {
        if (error.statusCode !== 404) throw error;
      });
    },
    /** A day goes by between deliveries: what is held for a deployment that knows it is soon held for long enough. */
    async drain() {
      for (let taken = await receive(); taken.length > 0; taken = await receive()) {
        for (const item of taken) await survivor.deliver(item);
        aheadMs += 25 * HOUR;
      }
    },
    /** What the database, the cache and storage have, once all is over. */
    async left(keys: readonly string[]) {
      const stored: Record<string, [value: unknown, version: string]> = {};
      const cached: Record<string, { version: string; dirty: boolean }> = {};
      for (const key of keys) {
        const row = (await survivor.entities.of(key)?.store?.loadMany([key]))?.get(key);
        if (row) stored[key] = [row.deleted ? null : row.value, row.version];
        const raw = await redis.client('cache').get(physicalKey(key));
        const entry = raw === null ? undefined : decodeEntry(raw);
        if (typeof entry === 'string') throw new Error(`${key} is ${entry}`);
        if (entry) cached[key] = { version: entry.version, dirty: (entry.flags & FLAG_DIRTY) !== 0 };
      }
      const blobs: string[] = [];
      for await (const { name } of (await storage.container('claims')).listBlobsFlat()) blobs.push(name);
      const letters = (await survivor.deadLetters.list()).map(({ reason, key }) => `${reason} ${key ?? ''}`).sort();
      return { stored, cached, blobs, letters, waiting: (await queue.getProperties()).approximateMessagesCount };
    },
  };
}
