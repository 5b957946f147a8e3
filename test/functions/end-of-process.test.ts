import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { QueueServiceClient } from '@azure/storage-queue';
import { Redis } from 'ioredis';
import { createClient } from '../../src/client';
import { createEntities } from '../../src/entities';
import { silentLogger } from '../../src/logger';
import { readSettings } from '../../src/settings';
import { type RunningApp, startApp } from '../running-app';

/** A database that lets everybody in and never answers. */
let database: Server;
const sockets = new Set<Socket>();
let app: RunningApp;

beforeAll(async () => {
  database = createServer((socket) => void sockets.add(socket)).listen(0, '127.0.0.1');
  await once(database, 'listening');
  const { port } = database.address() as AddressInfo;
  app = await startApp({
    DATABASE_URL: `postgres://u@127.0.0.1:${port}/d`,
    // Longer than the end of the process, so that the flush is cut off by it.
    DATABASE_CONNECT_TIMEOUT_MS: '60000',
    SWEEP_DUTY: '0.001',
    // On a busy machine the sweep would pause by itself.
    SWEEP_STOP_LATENCY_MS: '60000',
    SWEEP_CENSUS_MINUTES: '0',
    SWEEP_RECLAIM_MINUTES: '0',
    SWEEP_SCHEDULE: '0 0 3 1 1 *',
  });
});
afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  database?.close();
  await app?.stop();
});

test('what runs at the end of the process is handed over: a sweep’s next work item and an accepted write wait to be taken', async () => {
  const settings = { REDIS_URL: app.redis.appUrl, AzureWebJobsStorage: app.azurite.connectionString };
  const admin = new Redis(app.redis.adminUrl);
  const sessions = admin.pipeline();
  for (let index = 0; index < 20_000; index += 1) sessions.set(`sess:${index}`, '{}');
  await sessions.exec();
  admin.disconnect();
  const web = createClient({ settings: readSettings(settings), entities: createEntities, logger: silentLogger });
  await web.cache.writeBehind('user:profile:ada', { name: 'Ada' });
  await app.host.fire('planSweep');
  await until(async () => sockets.size > 0 && (await claimed()));

  // 10 s for what runs, then 5 s for the end. The host says 1, since it cut the flush off; a kill would be null.
  expect(await app.host.process.stop(30_000)).toBe(1);
  const printed = app.lines.join('\n');
  expect(printed).toMatch(/Still under way after 10 s: (flushWrites, sweepShard|sweepShard, flushWrites)/);
  expect(printed).toMatch(/sessions continued/);
  expect(printed).not.toMatch(/appTerminate hooks took longer/);
  const queues = QueueServiceClient.fromConnectionString(app.azurite.connectionString);
  for (const name of ['sweep', 'write-behind']) {
    // Only what is visible can be peeked: the messages that were cut off are hidden for ten minutes.
    const { peekedMessageItems } = await queues.getQueueClient(name).peekMessages();
    expect([name, peekedMessageItems.map(({ dequeueCount }) => dequeueCount)]).toEqual([name, [0]]);
  }
  await web.close();

  /** A work item has begun: it has connected to do so, and its message is hidden. */
  async function claimed(): Promise<boolean> {
    const queue = QueueServiceClient.fromConnectionString(app.azurite.connectionString).getQueueClient('sweep');
    const { approximateMessagesCount = 0 } = await queue.getProperties().catch(() => ({ approximateMessagesCount: 0 }));
    return approximateMessagesCount > 0 && (await queue.peekMessages()).peekedMessageItems.length === 0;
  }
});

async function until(holds: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + 60_000;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`Not within a minute. The host said:\n${app.lines.slice(-20).join('\n')}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
