import { DAY, HOUR, MINUTE } from '../../src/clock';
import { createMemorySampleStore } from '../../src/monitoring/samples/memory-samples';
import { maintain } from '../../src/monitoring/samples/roll-up';
import type { SampleStore } from '../../src/monitoring/samples/sample-store';
import { parseSeriesKey, seriesKey } from '../../src/monitoring/samples/sample-store';
import { createTableSampleStore } from '../../src/monitoring/samples/table-samples';
import { batchOf, sampleStoreConformance } from './sample-store-conformance';
import { azuriteStorage, T0 } from './support';

let azurite: Awaited<ReturnType<typeof azuriteStorage>>;
beforeAll(async () => {
  azurite = await azuriteStorage();
});
afterAll(() => azurite.stop());

/** Made at first use: the server is not there yet when tests are declared. */
function lazily(): SampleStore {
  let store: SampleStore | undefined;
  const get = () => {
    store ??= createTableSampleStore({ storage: azurite.fresh() });
    return store;
  };
  return {
    write: (...args) => get().write(...args),
    baselines: (...args) => get().baselines(...args),
    writeRolled: (...args) => get().writeRolled(...args),
    read: (...args) => get().read(...args),
    prune: (...args) => get().prune(...args),
  };
}

sampleStoreConformance('in memory', createMemorySampleStore);
sampleStoreConformance('Table Storage', lazily);

test.each([
  ['redis_up', {}],
  ['redis_keys', { db: '0' }],
  ['x', { a: 'with space, comma=equals|bar%25', b: 'é' }],
])('the key of %s %j is read back', (name, labels) => {
  expect(parseSeriesKey(seriesKey(name, labels))).toEqual({ name, labels });
});

test('hours and days are rolled up once they are over, also those that were missed; doing it again changes nothing', async () => {
  const store = createMemorySampleStore();
  const start = Math.floor(T0 / DAY) * DAY;
  for (let at = start; at < start + 26 * HOUR; at += 10 * MINUTE) {
    await store.write([batchOf(at, 'a:1', { redis_keyspace_hits: 5, redis_clients: (at / HOUR) % 24 })], []);
  }
  const retention = { minute: 7, hour: 90, day: 800 };
  expect(await maintain(store, retention, start + 26 * HOUR)).toEqual({ rolled: 27, pruned: 0 });
  expect(await maintain(store, retention, start + 26 * HOUR)).toEqual({ rolled: 0, pruned: 0 });
  const [day] = await store.read({ after: start - 1, until: start, resolution: 'day' });
  expect(day?.values.redis_keyspace_hits).toEqual([144, 720, 5, 5, 5]);
  const pruned = await maintain(store, retention, start + 8 * DAY + 30 * MINUTE);
  expect(pruned.pruned).toBe(24 * 6 + 3);
});
