import { Command } from 'commander';
import { Redis } from 'ioredis';
import { type RunningAzurite, type RunningRedis, startAzurite, startRedis } from '../../local/servers';
import { registerSweep } from '../../src/cli/commands/sweep-command';
import type { CliIo } from '../../src/cli/io';
import { systemClock } from '../../src/clock';
import { entityRegistry } from '../../src/entities/registry';
import { createSweeps, storageSweepQueue } from '../../src/hygiene';
import { silentLogger } from '../../src/logger';
import { createCounters, readCounters } from '../../src/redis';
import { type StorageClients, storageClients } from '../../src/storage/clients';
import { jsonBlobs, memoryJsonBlobs } from '../../src/storage/json-blobs';
import { redisFor, settingsFor } from './drive';
import { recordStoreConformance } from './record-store-conformance';

/** The jobs as the app makes them: records and queue in Azurite, sessions in a real server. */

let azurite: RunningAzurite;
let server: RunningRedis;
let client: Redis;
let storage: StorageClients;
const settings = () =>
  settingsFor({
    REDIS_URL: server.appUrl,
    AzureWebJobsStorage: azurite.connectionString,
    SWEEP_SLICE_SECONDS: '1',
    SWEEP_DUTY: '0.5',
    SWEEP_CENSUS_MINUTES: '0',
    SWEEP_RECLAIM_MINUTES: '0',
  });

beforeAll(async () => {
  [azurite, server] = await Promise.all([startAzurite(), startRedis()]);
  client = new Redis(server.adminUrl);
  storage = storageClients(settings());
});

afterAll(async () => {
  client.disconnect();
  await Promise.all([azurite.stop(), server.stop()]);
});

recordStoreConformance('memory', memoryJsonBlobs);
recordStoreConformance('blob storage', () => jsonBlobs(storage, 'conformance'));

test('a work item waits in the queue as base64 of JSON, never expires, and is kept back as long as asked', async () => {
  const message = { pass: 'sessions', passId: 'p', shard: 'sessions@127.0.0.1:1', seq: 3 } as const;
  await storageSweepQueue(storage, 'one-work-item').send(message);
  await storageSweepQueue(storage, 'one-work-item').send(message, 600);
  const queue = await storage.queue('one-work-item');
  const { receivedMessageItems: received } = await queue.receiveMessages({ numberOfMessages: 10 });
  expect(received).toHaveLength(1);
  expect(JSON.parse(Buffer.from(received[0]!.messageText, 'base64').toString())).toEqual(message);
  expect(received[0]!.expiresOn.getUTCFullYear()).toBeGreaterThan(9_000);
});

test('a sweep is planned, worked on and finished, with counters and progress', async () => {
  const pipeline = client.pipeline();
  for (let index = 0; index < 5_000; index += 1) pipeline.set(`sess:${index}`, '{}');
  await pipeline.exec();
  const redis = redisFor({ REDIS_URL: server.appUrl });
  const counters = createCounters({ redis, logger: silentLogger });
  const common = { redis, storage, settings: settings(), entities: entityRegistry([]), logger: silentLogger };
  const sweeps = createSweeps({ ...common, counters, clock: systemClock });
  try {
    const planned = await sweeps.plan(new Date());
    expect(planned.figures).toMatchObject({ shardsStalled: 0 });
    expect(planned.summary).toMatch(/^started sessions/);
    expect((await sweeps.plan(new Date())).figures).toMatchObject({ passesStarted: 0, shardsQueued: 0 });

    const queue = await storage.queue(settings().SWEEP_QUEUE);
    const isRunning = async () => (await sweeps.progress()).some(({ status }) => status === 'running');
    while (await isRunning()) {
      const { receivedMessageItems: received } = await queue.receiveMessages({ numberOfMessages: 10 });
      for (const { messageText, messageId, popReceipt } of received) {
        const report = await sweeps.workItem(JSON.parse(Buffer.from(messageText, 'base64').toString()));
        expect(report.figures.keysExamined).toBeGreaterThan(0);
        await queue.deleteMessage(messageId, popReceipt);
      }
    }
    const progress = await sweeps.progress();
    const sessions = progress.find(({ pass }) => pass === 'sessions');
    expect(sessions).toMatchObject({ status: 'finished', percent: 100, last: { faults: [] } });
    expect(sessions!.last!.figures).toMatchObject({ matched: 5_000, given: 5_000 });
    expect(await client.ttl('sess:4999')).toBeGreaterThan(0);
    await counters.flush();
    const counted = await readCounters(redis);
    expect(counted.get('sweep_keys_changed|change=given,pass=sessions')).toBe(5_000);
    expect(counted.get('sweep_runs_closed|pass=sessions')).toBe(1);
    expect(counted.get('sweep_percent|pass=sessions')).toBe(100);
    expect(counted.get('sweep_last|figure=given,pass=sessions')).toBe(5_000);
    expect(counted.get('sweep_last_faults|pass=sessions')).toBe(0);
  } finally {
    await redis.close();
  }
});

test('the command line shows how far the scheduled sweeps are', async () => {
  const out: string[] = [];
  const io: CliIo = {
    out: (line) => void out.push(line),
    err: () => {},
    env: { AzureWebJobsStorage: azurite.connectionString },
    isTerminal: false,
    exit: (code) => expect(code).toBe(0),
  };
  const program = new Command().exitOverride();
  registerSweep(program, io);
  await program.parseAsync(['sweep', 'status'], { from: 'user' });
  expect(out).toEqual([expect.stringMatching(/^sessions last ended 2.*Z: 5,000 keys, complete$/)]);
  out.length = 0;
  await program.parseAsync(['sweep', 'status', '--json'], { from: 'user' });
  expect(JSON.parse(out.join())).toMatchObject([{ pass: 'sessions', percent: 100, last: { faults: [] } }]);
});

test('an invalid message is dropped and counted; one of an old run is dropped', async () => {
  const redis = redisFor({ REDIS_URL: server.appUrl });
  const counters = createCounters({ redis, logger: silentLogger });
  const common = { redis, storage, settings: settings(), entities: entityRegistry([]), logger: silentLogger };
  const sweeps = createSweeps({ ...common, counters, clock: systemClock });
  try {
    expect((await sweeps.workItem('nonsense')).summary).toMatch(/dropped/);
    const old = { pass: 'sessions', passId: 'old', shard: 'sessions@127.0.0.1:1', seq: 0 };
    expect((await sweeps.workItem(old)).summary).toBe('sessions dropped');
    await counters.flush();
    expect((await readCounters(redis)).get('sweep_messages_dropped|')).toBe(1);
  } finally {
    await redis.close();
  }
});
