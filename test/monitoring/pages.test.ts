import { type RunningAzurite, type RunningRedis, startAzurite, startRedis } from '../../local/servers';
import { type App, createApp } from '../../src/app';
import { systemClock } from '../../src/clock';
import { versionAt } from '../../src/entities/version';
import { silentLogger } from '../../src/logger';
import type { DashboardData } from '../../src/monitoring';
import type { Settings } from '../../src/settings';
import { type StorageClients, storageClients } from '../../src/storage/clients';
import { createDeadLetters, type DeadLetters } from '../../src/write-behind';
import { countersInMemory } from '../write-behind/support';
import { redisOf, settingsFor } from './support';

/** The pages as the app composes them: over the real stores of the other parts. */

let azurite: RunningAzurite;
let server: RunningRedis;
let settings: Settings;
let storage: StorageClients;
let app: App;
let deadLetters: DeadLetters;

beforeAll(async () => {
  [azurite, server] = await Promise.all([startAzurite(), startRedis()]);
  settings = settingsFor({
    REDIS_URL: server.appUrl,
    AzureWebJobsStorage: azurite.connectionString,
    SWEEP_SESSIONS_MINUTES: '0',
    SWEEP_RECLAIM_MINUTES: '0',
    SWEEP_DUTY: '1',
  });
  storage = storageClients(settings);
  app = createApp({ settings, entities: [], logger: silentLogger });
  deadLetters = createDeadLetters({ storage, counters: countersInMemory(), logger: silentLogger, clock: systemClock });
});
afterAll(async () => {
  await app.close();
  await Promise.all([azurite.stop(), server.stop()]);
});

const read = async () => JSON.parse((await app.dashboard('1h')).body) as DashboardData;
const act = async (action: string, letterId: string) => {
  const { status, body } = await app.dashboardAction({ action, letterId });
  return { status, ...JSON.parse(body) };
};

/** Takes what waits in a queue, and calls `work` with each. */
async function drain(name: string, work: (message: unknown) => unknown): Promise<void> {
  const queue = await storage.queue(name);
  for (;;) {
    const { receivedMessageItems: received } = await queue.receiveMessages({ numberOfMessages: 10 });
    if (received.length === 0) return;
    for (const { messageText, messageId, popReceipt } of received) {
      await work(JSON.parse(Buffer.from(messageText, 'base64').toString()));
      await queue.deleteMessage(messageId, popReceipt);
    }
  }
}

test('a dead letter is listed without its value, and replayed is back in the journal as it was', async () => {
  const write = { key: 'user:profile:1', version: versionAt(1_700_000_000_000_000, 1), acceptedAt: 1_700_000_000_000 };
  const why = { reason: 'refused', error: 'SQLSTATE 23514', attempts: 1 } as const;
  await deadLetters.put({ kind: 'write', entity: 'user:profile', payload: '{"secret":1}', ...write, ...why });
  const data = await read();
  expect(data.missing).toEqual([]);
  expect(data.deadLetters).toEqual([
    expect.objectContaining({ entity: 'user:profile', reason: 'refused', detail: 'SQLSTATE 23514' }),
  ]);
  expect(JSON.stringify(data)).not.toContain('secret');

  const letterId = data.deadLetters[0]?.letterId as string;
  expect(await act('replay', letterId)).toMatchObject({ status: 200, summary: 'dead letter replayed' });
  expect((await read()).deadLetters).toEqual([]);
  const rows: unknown[] = [];
  await drain(settings.WRITE_BEHIND_QUEUE, (message) => rows.push(...(message as { rows: unknown[] }).rows));
  expect(rows).toEqual([[write.key, write.version, '{"secret":1}', write.acceptedAt]]);
  expect(await act('replay', letterId)).toMatchObject({ status: 200, figures: { changed: 0 } });
});

test('a dead letter that is discarded is gone, and nowhere else', async () => {
  const why = { reason: 'undecodable', error: 'not JSON', attempts: 1 } as const;
  await deadLetters.put({ kind: 'message', payload: '{', ...why });
  const [letter] = (await read()).deadLetters;
  expect(letter).toMatchObject({ entity: 'unknown', reason: 'undecodable' });
  expect(await act('discard', letter?.letterId as string)).toMatchObject({ summary: 'dead letter discarded' });
  expect(await deadLetters.list()).toEqual([]);
  await drain(settings.WRITE_BEHIND_QUEUE, () => expect('a message').toBe('none'));
});

test.each([
  ['nothing', undefined],
  ['no object', 'replay'],
  ['another action', { action: 'drop', letterId: 'a/b' }],
  ['no letter', { action: 'replay' }],
  ['an endless id', { action: 'replay', letterId: 'x'.repeat(2_001) }],
  ['a field too many', { action: 'replay', letterId: 'a/b', force: true }],
])('an action with %s in its body is answered 400', async (_, body) => {
  expect(await app.dashboardAction(body)).toMatchObject({ status: 400, body: '{"error":"E_ACTION"}' });
});

test('the census that a sweep has taken is on the page and in the report', async () => {
  expect((await read()).census).toBeNull();
  const redis = redisOf(server);
  const client = redis.client('cache');
  for (let index = 0; index < 30; index += 1) await client.set(`cache:{shop:item:${index}}`, 'value', 'EX', 600);
  for (let index = 0; index < 10; index += 1) await client.set(`cache:{shop:item:kept${index}}`, 'value');
  await redis.close();
  await app.planSweep(new Date());
  await drain(settings.SWEEP_QUEUE, (message) => app.sweepShard(message));

  const { census, missing } = await read();
  expect(missing).toEqual([]);
  expect(census).toMatchObject({ isComplete: true, usedBytesPerDay: null, daysUntilFull: null, fullAt: null });
  const group = census?.groups.find(({ label }) => label === 'shop:item');
  expect(group).toMatchObject({ keys: 40, withoutTtlShare: 0.25, keysPerDay: null });
  expect(group?.memoryBytes).toBeGreaterThan(1_000);
  expect(group?.memoryErrorBytes).toBeGreaterThanOrEqual(0);

  const at = new Date();
  await app.reportPerformance(at);
  const blob = (await storage.container('reports')).getBlockBlobClient(`${at.toISOString().slice(0, 10)}.json`);
  expect(JSON.parse((await blob.downloadToBuffer()).toString()).census).toEqual(census);
});
