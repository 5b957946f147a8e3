import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAlerts } from '../../src/alerting/alerts';
import type { AlertState } from '../../src/alerting/evaluate/alert-state';
import {
  AlertStateConflictError,
  type AlertStateStore,
  createBlobAlertState,
  createMemoryAlertState,
} from '../../src/alerting/evaluate/alert-state-store';
import type { GroupMessage } from '../../src/alerting/notify/alert-message';
import type { Receiver } from '../../src/alerting/notify/receivers';
import { HOUR, MINUTE } from '../../src/clock';
import { silentLogger } from '../../src/logger';
import { createMemorySampleStore } from '../../src/monitoring/samples/memory-samples';
import type { SampleStore } from '../../src/monitoring/samples/sample-store';
import type { StorageClients } from '../../src/storage/clients';
import { batchOf } from '../monitoring/sample-store-conformance';
import { azuriteStorage, settingsFor, T0 } from '../monitoring/support';

let azurite: Awaited<ReturnType<typeof azuriteStorage>>;
beforeAll(async () => {
  azurite = await azuriteStorage();
});
afterAll(() => azurite.stop());

describe.each([
  ['in memory', () => createMemoryAlertState()],
  ['a blob', () => createBlobAlertState({ storage: azurite.fresh() })],
])('alert state: %s', (_, make) => {
  test('a document is undefined before it is written, and then what was written', async () => {
    const store = make();
    expect(await store.read('state')).toBeUndefined();
    await store.write('state', { a: [1, 'é'] }, undefined);
    expect((await store.read('state'))?.value).toEqual({ a: [1, 'é'] });
    expect(await store.read('told')).toBeUndefined();
  });

  test('a write on an old version, or on none if there is one, is refused', async () => {
    const store = make();
    await store.write('state', 1, undefined);
    const first = await store.read<number>('state');
    await expect(store.write('state', 2, undefined)).rejects.toBeInstanceOf(AlertStateConflictError);
    await store.write('state', 3, first?.etag);
    await expect(store.write('state', 4, first?.etag)).rejects.toBeInstanceOf(AlertStateConflictError);
    expect((await store.read<number>('state'))?.value).toBe(3);
  });
});

const rule = {
  name: 'TooManyClients',
  evaluatedBy: ['app'],
  metric: 'redis_clients',
  aggregation: 'last',
  window: '1m',
  compare: '>',
  threshold: 10,
  for: '2m',
  severity: 'warning',
  summary: '{value:number} clients on {node}',
  runbook: 'docs/runbooks/connections-high.md',
};

let files = 0;

/** Rules, samples and a receiver; the queue is the real one of Azurite. */
async function alerting(over: { store?: AlertStateStore; receiver?: Receiver; storage?: StorageClients } = {}) {
  files += 1;
  const file = join(tmpdir(), `steward-rules-${process.pid}-${files}.json`);
  await writeFile(file, JSON.stringify({ version: 1, rules: [rule] }));
  const samples = createMemorySampleStore();
  const notified: GroupMessage[] = [];
  const storage = over.storage ?? azurite.fresh();
  const queueName = `alerts-${files}`;
  const store = over.store ?? createMemoryAlertState();
  const receiver = over.receiver ?? { name: 'webhook', deliver: async (message) => void notified.push(message) };
  const make = (from: SampleStore = samples) =>
    createAlerts({
      samples: from,
      storage,
      store,
      receivers: [receiver],
      settings: settingsFor({
        ...{ ALERT_RULES_FILE: file, ALERT_QUEUE: queueName },
        ALERT_RUNBOOKS_URL: 'https://git.example/main',
      }),
      clock: { now: () => T0 },
      logger: silentLogger,
    });
  const clients = (minute: number, count: number) =>
    samples.write([batchOf(T0 + minute * MINUTE, 'a:1', { redis_clients: count })], []);
  /** Takes what is in the queue, as the host would. */
  const drain = async (alerts = make()) => {
    const queue = await storage.queue(queueName);
    const { receivedMessageItems } = await queue.receiveMessages({ numberOfMessages: 32 });
    for (const item of receivedMessageItems) {
      await alerts.notify(JSON.parse(Buffer.from(item.messageText, 'base64').toString()));
      await queue.deleteMessage(item.messageId, item.popReceipt);
    }
    return receivedMessageItems.length;
  };
  return {
    ...{ storage, queueName },
    samples,
    notified,
    make,
    clients,
    drain,
    store,
    tick: (minute: number) => new Date(T0 + minute * MINUTE + 20_000),
  };
}

test('pending, firing, notified, resolved, notified: through the queue, by processes that share nothing', async () => {
  const { make, clients, drain, notified, tick } = await alerting({
    store: createBlobAlertState({ storage: azurite.fresh() }),
  });
  for (let minute = 0; minute < 12; minute += 1) {
    await clients(minute, minute >= 1 && minute < 5 ? 50 : 1);
    await make().evaluate(tick(minute));
    await drain();
  }
  expect(
    notified.map(({ status, alerts }) => [status, alerts.map((it) => [it.status, it.annotations.summary])]),
  ).toEqual([
    ['firing', [['firing', '50 clients on a:1']]],
    ['resolved', [['resolved', '50 clients on a:1']]],
  ]);
  expect(notified[0]?.alerts[0]).toMatchObject({
    startsAt: tick(3).toISOString(),
    labels: { alertname: 'TooManyClients', node: 'a:1' },
    annotations: { runbook_url: 'https://git.example/main/docs/runbooks/connections-high.md' },
  });
  expect(notified[1]?.alerts[0]?.endsAt).toBe(tick(5).toISOString());
});

test('ticks that were missed are made up for, so `for` is counted over the samples and not over the runs', async () => {
  const { make, clients, tick, store } = await alerting();
  await make().evaluate(tick(0));
  for (let minute = 1; minute <= 30; minute += 1) await clients(minute, minute === 20 ? 1 : 50);
  const report = await make().evaluate(tick(30));
  expect(report.figures).toMatchObject({ ticks: 30, firing: 1 });
  const state = (await store.read<AlertState>('state'))?.value;
  expect(Object.values(state?.alerts ?? {})[0]).toMatchObject({
    activeAt: tick(21).getTime(),
    firedAt: tick(23).getTime(),
  });
  expect(state?.episodes).toHaveLength(1);
});

test('after an outage beyond the tolerance a pending alert counts from the start again, and a firing one stays', async () => {
  const { make, clients, tick } = await alerting();
  await clients(0, 50);
  await make().evaluate(tick(0));
  await clients(90, 50);
  expect((await make().evaluate(tick(90))).figures).toMatchObject({ ticks: 1, pending: 1, firing: 0 });
});

test('a tick that was evaluated is not evaluated again, and pending notifications are queued again', async () => {
  const { make, clients, tick, drain, notified } = await alerting();
  for (let minute = 0; minute <= 2; minute += 1) {
    await clients(minute, 50);
    await make().evaluate(tick(minute));
  }
  expect((await make().evaluate(tick(2))).figures).toMatchObject({ ticks: 0, pendingGroups: 1 });
  expect(await drain()).toBe(2);
  expect(notified).toHaveLength(1);
});

test('a clock that was hours ahead does not stop evaluation when it is put right', async () => {
  const { make, clients, tick } = await alerting();
  await make().evaluate(new Date(tick(0).getTime() + 5 * HOUR));
  await clients(1, 50);
  expect((await make().evaluate(tick(1))).figures).toMatchObject({ ticks: 1, pending: 1 });
});

test('an unavailable store of samples leaves the state as it is: nothing resolves, nothing advances', async () => {
  const { make, clients, tick, samples, store } = await alerting();
  for (let minute = 0; minute <= 2; minute += 1) {
    await clients(minute, 50);
    await make().evaluate(tick(minute));
  }
  const before = await store.read('state');
  const throttled: SampleStore = { ...samples, read: () => Promise.reject(new Error('503 ServerBusy')) };
  await expect(make(throttled).evaluate(tick(3))).rejects.toThrow('ServerBusy');
  expect(await store.read('state')).toEqual(before);
});

test('two runs of one tick: one is dropped, and the state is that of a single one', async () => {
  const { make, clients, tick, store } = await alerting();
  await clients(0, 50);
  const reports = await Promise.all([make().evaluate(tick(0)), make().evaluate(tick(0))]);
  const dropped = reports.filter(({ summary }) => /another run evaluated this tick|already evaluated/.test(summary));
  expect(dropped).toHaveLength(1);
  expect(Object.keys((await store.read<AlertState>('state'))?.value.alerts ?? {})).toHaveLength(1);
});

test('a receiver that fails for an hour is retried with growing pauses, and then notified of the end', async () => {
  let attempts = 0;
  let broken = true;
  const notified: GroupMessage[] = [];
  const receiver: Receiver = {
    name: 'webhook',
    deliver: async (message) => {
      attempts += 1;
      if (broken) throw new Error('500');
      notified.push(message);
    },
  };
  const { make, clients, tick, drain } = await alerting({ receiver });
  const minute = async (n: number, count: number) => {
    await clients(n, count);
    await make().evaluate(tick(n));
    await drain();
  };
  for (let n = 0; n < 60; n += 1) await minute(n, 50);
  expect(attempts).toBeGreaterThan(4);
  expect(attempts).toBeLessThan(10);
  broken = false;
  for (let n = 60; n < 76; n += 1) await minute(n, 50);
  expect(notified.map(({ status }) => status)).toEqual(['firing']);
  broken = true;
  for (let n = 76; n < 116; n += 1) await minute(n, 1);
  broken = false;
  for (let n = 116; n < 132; n += 1) await minute(n, 1);
  // Its instance has long left the state by then; the receiver is notified of its end all the same.
  expect(notified.map(({ status }) => status)).toEqual(['firing', 'resolved']);
});

test('a message of another kind is refused by name', async () => {
  const { make } = await alerting();
  await expect(make().notify({ nothing: true })).rejects.toMatchObject({ code: 'E_ALERT_MESSAGE' });
  expect((await make().notify({ group: 'unknown' })).summary).toBe('nothing is pending any more');
});

test('a run that delivered to no receiver says with which error', async () => {
  const refused = Object.assign(new Error('503'), { code: 'E_ALERT_WEBHOOK' });
  const receiver: Receiver = { name: 'webhook', deliver: () => Promise.reject(refused) };
  const { make, clients, tick, storage, queueName } = await alerting({ receiver });
  for (let minute = 0; minute < 4; minute += 1) {
    await clients(minute, 50);
    await make().evaluate(tick(minute));
  }
  const [item] = (await (await storage.queue(queueName)).receiveMessages()).receivedMessageItems;
  const report = await make().notify(JSON.parse(Buffer.from(item!.messageText, 'base64').toString()));
  expect(report).toMatchObject({ failedWith: 'E_ALERT_WEBHOOK', figures: { delivered: 0, failed: 1 } });
});

describe('a crash between any two steps neither loses a message nor invents one', () => {
  test.each(Array.from({ length: 12 }, (_, index) => index + 1))('killed around step %i', async (diesAt) => {
    for (const half of [0, 1]) {
      let steps = 0;
      const step = async <T>(work: () => Promise<T>): Promise<T> => {
        steps += 1;
        const dying = steps === diesAt;
        if (dying && half === 0) throw new Error('killed before');
        const result = await work();
        if (dying && half === 1) throw new Error('killed after');
        return result;
      };
      const inner = createMemoryAlertState();
      const store: AlertStateStore = {
        read: (it) => inner.read(it),
        write: (...args) => step(() => inner.write(...args)),
      };
      const notified: GroupMessage[] = [];
      const receiver: Receiver = {
        name: 'webhook',
        deliver: (message) => step(async () => void notified.push(message)),
      };
      const real = azurite.fresh();
      const storage: StorageClients = {
        ...real,
        queue: async (name) => {
          const queue = await real.queue(name);
          const send: typeof queue.sendMessage = (text) => step(() => queue.sendMessage(text));
          return Object.assign(Object.create(queue) as typeof queue, { sendMessage: send });
        },
      };
      const { make, clients, tick, drain } = await alerting({ store, receiver, storage });
      for (let minute = 0; minute < 14; minute += 1) {
        await clients(minute, minute < 5 ? 50 : 1);
        await make()
          .evaluate(tick(minute))
          .catch(() => {});
        await drain().catch(() => {});
      }
      const statuses = notified.map(({ status }) => status).filter((status, index, all) => status !== all[index - 1]);
      expect(statuses).toEqual(['firing', 'resolved']);
      // Sent twice only if the crash came between sending it and writing that down: then under the same id.
      const ids = new Set(notified.map(({ deliveryId }) => deliveryId));
      expect(ids.size).toBe(2);
    }
  });
});
