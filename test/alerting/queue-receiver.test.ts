import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAlerts, type GroupMessage } from '../../src/alerting';
import { createQueueReceiver } from '../../src/alerting/notify/receivers';
import { MINUTE } from '../../src/clock';
import { silentLogger } from '../../src/logger';
import { createMemorySampleStore } from '../../src/monitoring';
import type { StorageClients } from '../../src/storage/clients';
import { batchOf } from '../monitoring/sample-store-conformance';
import { azuriteStorage, settingsFor, T0 } from '../monitoring/support';

let azurite: Awaited<ReturnType<typeof azuriteStorage>>;
let folder: string;
beforeAll(async () => {
  azurite = await azuriteStorage();
  folder = await mkdtemp(join(tmpdir(), 'steward-rules-'));
});
afterAll(async () => {
  await azurite.stop();
  await rm(folder, { recursive: true, force: true });
});

/** Everything that waits in a queue, taken from it. */
async function take<T>(storage: StorageClients, name: string): Promise<T[]> {
  const queue = await storage.queue(name);
  const { receivedMessageItems: items } = await queue.receiveMessages({ numberOfMessages: 32 });
  for (const { messageId, popReceipt } of items) await queue.deleteMessage(messageId, popReceipt);
  return items.map(({ messageText }) => JSON.parse(Buffer.from(messageText, 'base64').toString()) as T);
}

test('the queue that the settings name gets every group as it fires and as it resolves', async () => {
  const file = join(folder, 'rules.json');
  const rule = {
    ...{ name: 'TooManyClients', evaluatedBy: ['app'], metric: 'redis_clients', aggregation: 'last', window: '1m' },
    ...{ compare: '>', threshold: 10, for: '1m', severity: 'warning' },
    ...{ summary: '{value:number} clients on {node}', runbook: 'docs/runbooks/connections-high.md' },
  };
  await writeFile(file, JSON.stringify({ version: 1, rules: [rule] }));
  const storage = azurite.fresh();
  const samples = createMemorySampleStore();
  const settings = settingsFor({
    ...{ ALERT_RULES_FILE: file, ALERT_QUEUE: 'pending', ALERT_RECEIVER_QUEUE: 'sent' },
    ALERT_GROUP_INTERVAL_SECONDS: '0',
  });
  const alerts = createAlerts({ samples, storage, settings, clock: { now: () => T0 }, logger: silentLogger });
  for (let minute = 0; minute < 6; minute += 1) {
    const at = T0 + minute * MINUTE;
    await samples.write([batchOf(at, 'a:1', { redis_clients: minute < 3 ? 50 : 1 })], []);
    await alerts.evaluate(new Date(at + 20_000));
    for (const pending of await take(storage, 'pending')) await alerts.notify(pending);
  }
  const sent = await take<GroupMessage>(storage, 'sent');
  expect(sent.map(({ status, receiver }) => [status, receiver])).toEqual([
    ['firing', 'queue'],
    ['resolved', 'queue'],
  ]);
  expect(sent[0]?.alerts).toEqual([
    expect.objectContaining({
      status: 'firing',
      labels: expect.objectContaining({ alertname: 'TooManyClients', node: 'a:1', severity: 'warning' }),
      annotations: { summary: '50 clients on a:1', runbook_url: 'docs/runbooks/connections-high.md' },
    }),
  ]);
  expect(sent[0]?.deliveryId).not.toBe(sent[1]?.deliveryId);
});

test('a message that is larger than a queue takes names fewer of its alerts, and says how many it leaves out', async () => {
  const storage = azurite.fresh();
  const alert = (index: number): GroupMessage['alerts'][number] => ({
    ...{ status: 'firing', labels: { alertname: 'A', node: `n${index}` }, startsAt: new Date(T0).toISOString() },
    ...{ annotations: { summary: 'é'.repeat(1_000), runbook_url: 'r' }, fingerprint: String(index) },
  });
  const message: GroupMessage = {
    ...{ version: '4', groupKey: 'g', deliveryId: 'd', status: 'firing', receiver: 'queue', groupLabels: {} },
    ...{ truncatedAlerts: 7, alerts: Array.from({ length: 50 }, (_, index) => alert(index)) },
  };
  await createQueueReceiver({ storage, queue: 'sent' }).deliver(message);
  const [sent] = await take<GroupMessage>(storage, 'sent');
  expect(sent?.alerts.length).toBeGreaterThan(20);
  expect(sent?.alerts).toEqual(message.alerts.slice(0, sent?.alerts.length));
  expect((sent?.alerts.length ?? 0) + (sent?.truncatedAlerts ?? 0)).toBe(57);
});
