import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import {
  type RunningAzurite,
  type RunningPglite,
  type RunningRedis,
  startAzurite,
  startPglite,
  startRedis,
} from '../../local/servers';
import { type Client, type ClientOptions, createClient } from '../../src/client';
import { createEntities } from '../../src/entities';
import { silentLogger } from '../../src/logger';
import { readSettings } from '../../src/settings';

/** A Redis, a storage and a database for the tests of a file; clients are closed after each. */
export function startServices() {
  let redis: RunningRedis;
  let azurite: RunningAzurite;
  let pglite: RunningPglite;
  const made: Client[] = [];
  beforeAll(async () => {
    [redis, azurite, pglite] = await Promise.all([startRedis(), startAzurite(), startPglite()]);
  });
  afterEach(async () => {
    await Promise.all(made.splice(0).map((client) => client.close()));
  });
  afterAll(async () => {
    await Promise.all([redis.stop(), azurite.stop(), pglite.stop()]);
  });

  /** One more process. */
  function open(options: ClientOptions): Client {
    const client = createClient({ logger: silentLogger, ...options });
    made.push(client);
    return client;
  }

  /** Some web apps and the jobs, with queue, tables and keys of their own. */
  async function rig(
    webs = 1,
    environment: Record<string, string> = {},
    options: Omit<ClientOptions, 'settings' | 'entities'> & Partial<Pick<ClientOptions, 'entities'>> = {},
  ) {
    const id = randomUUID().replaceAll('-', '').slice(0, 8);
    const environmentOf = (REDIS_URL: string) => ({
      ...{ REDIS_URL, DATABASE_URL: pglite.url, AzureWebJobsStorage: azurite.connectionString },
      ...{ STORAGE_NAME_PREFIX: `t${id}`, WRITE_BEHIND_QUEUE: `journal-${id}` },
      // A busy machine is not an unavailable Redis.
      ...{ WRITE_BEHIND_RETRY_CAP_SECONDS: '1', REDIS_DEADLINE_MS: '20000' },
      ...environment,
    });
    const settingsOf = (url: string) => readSettings(environmentOf(url));
    const settings = settingsOf(redis.appUrl);
    const make = (url: string) => open({ settings: settingsOf(url), entities: createEntities, ...options });
    const clients = Array.from({ length: webs }, () => make(redis.webUrl));
    const jobs = make(redis.appUrl);
    await jobs.migrate();
    return {
      ...{ id, settings, jobs, deadLetters: jobs.deadLetters, clients, web: clients[0] as Client },
      /** Of a process of its own. */
      environments: { web: environmentOf(redis.webUrl), app: environmentOf(redis.appUrl) },
      drain: () => jobs.flushAll(),
      stored: async (key: string) => (await jobs.entities.of(key)?.store?.loadMany([key]))?.get(key),
    };
  }

  /** Redis forgets everything; the app itself has no right to that. */
  async function forget(): Promise<void> {
    const admin = new Redis(redis.adminUrl);
    await admin.flushall();
    admin.disconnect();
  }
  return { rig, open, forget };
}
