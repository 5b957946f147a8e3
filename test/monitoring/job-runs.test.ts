import { SECOND } from '../../src/clock';
import type { LogFields, Logger } from '../../src/logger';
import { silentLogger } from '../../src/logger';
import { createJobRuns, JOB_RUNS_TABLE } from '../../src/monitoring/jobs';
import { type StorageClients, storageClients } from '../../src/storage/clients';
import { azuriteStorage, settingsFor, T0 } from './support';

let azurite: Awaited<ReturnType<typeof azuriteStorage>>;
beforeAll(async () => {
  azurite = await azuriteStorage();
});
afterAll(() => azurite?.stop());

let now = T0;
const clock = { now: () => now };
const runsOn = (storage: StorageClients, logger: Logger = silentLogger) => createJobRuns({ storage, clock, logger });

/** Storage that counts the writes of rows. */
function counted(storage: StorageClients) {
  const seen = { writes: 0 };
  const table: StorageClients['table'] = async (name) => {
    const client = await storage.table(name);
    return new Proxy(client, {
      get(target, property) {
        if (property === 'upsertEntity') seen.writes += 1;
        const value = Reflect.get(target, property);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  };
  return { storage: { ...storage, table }, seen };
}

test('success and failure of a job are both remembered, whichever process wrote them', async () => {
  const storage = azurite.fresh();
  await runsOn(storage).note('flushWrites');
  now += SECOND;
  await runsOn(storage).note('flushWrites', 'E_STORE_TRANSIENT');
  const read = await runsOn(storage).read(['flushWrites']);
  expect(read.get('flushWrites')).toEqual({
    ...{ knownAt: now - SECOND, succeededAt: now - SECOND, failedAt: now, failedWith: 'E_STORE_TRANSIENT' },
    failingSince: now,
  });
});

test('failures in a row have one beginning, in whichever processes; a success ends them', async () => {
  const storage = azurite.fresh();
  const since = async () => (await runsOn(storage).read(['flushWrites'])).get('flushWrites')?.failingSince;
  const first = now;
  for (let processes = 0; processes < 3; processes += 1) {
    const runs = runsOn(storage);
    await runs.note('flushWrites', 'E_DEADLINE');
    now += 60 * SECOND;
    await runs.note('flushWrites', 'E_DEADLINE');
    now += 60 * SECOND;
  }
  expect(await since()).toBe(first);
  await runsOn(storage).note('flushWrites');
  now += SECOND;
  await runsOn(storage).note('flushWrites', 'E_DEADLINE');
  expect(await since()).toBe(now);
});

test('a job that was never seen is watched from the first look on', async () => {
  const storage = azurite.fresh();
  const first = now;
  expect((await runsOn(storage).read(['planSweep', 'collectMetrics'])).get('planSweep')).toEqual({ knownAt: first });
  now += 3_600 * SECOND;
  expect((await runsOn(storage).read(['planSweep'])).get('planSweep')).toEqual({ knownAt: first });
});

test('runs of a second are one write; a failure among them, and the success after it, are written at once', async () => {
  const { storage, seen } = counted(azurite.fresh());
  const runs = runsOn(storage);
  await Promise.all(Array.from({ length: 40 }, () => runs.note('flushWrites')));
  expect(seen.writes).toBe(1);
  await runs.note('flushWrites', 'E_STORE_TRANSIENT');
  await runs.note('flushWrites');
  expect(seen.writes).toBe(3);
  now += 31 * SECOND;
  await runs.note('flushWrites');
  expect(seen.writes).toBe(4);
});

test('a record that cannot be written fails no job: one line, and the next run writes', async () => {
  const lines: LogFields[] = [];
  const logger = { ...silentLogger, warn: (fields: LogFields) => void lines.push(fields) };
  const fresh = azurite.fresh();
  let isDead = true;
  const table: StorageClients['table'] = (name) => (isDead ? new Promise(() => {}) : fresh.table(name));
  const runs = runsOn({ ...fresh, table }, logger);
  await runs.note('planSweep');
  expect(lines).toEqual([{ job: 'planSweep', code: 'E_UNKNOWN', error: 'storage did not answer within 2000 ms' }]);
  isDead = false;
  await runs.note('planSweep');
  expect((await runs.read(['planSweep'])).get('planSweep')?.succeededAt).toBe(now);
});

test('the record lies in a table of its own, a row a job', async () => {
  const prefix = 'rows1x';
  const settings = settingsFor({ AzureWebJobsStorage: azurite.connectionString, STORAGE_NAME_PREFIX: prefix });
  const storage = storageClients(settings);
  const runs = runsOn(storage);
  for (const job of ['planSweep', 'planSweep', 'drainPoison'] as const) await runs.note(job);
  const rows: string[] = [];
  for await (const { rowKey } of (await storage.table(JOB_RUNS_TABLE)).listEntities()) rows.push(rowKey ?? '');
  expect(rows.sort()).toEqual(['drainPoison', 'planSweep']);
});
