import { startAzurite, startRedis } from '../../local/servers';
import { DAY, HOUR, MINUTE, systemClock } from '../../src/clock';
import { silentLogger } from '../../src/logger';
import { createCollector } from '../../src/monitoring/collect/collector';
import { createDashboard } from '../../src/monitoring/dashboard';
import { createMemorySampleStore } from '../../src/monitoring/samples/memory-samples';
import { rollUp } from '../../src/monitoring/samples/roll-up';
import type { SampleBatch } from '../../src/monitoring/samples/sample-store';
import { createTableSampleStore } from '../../src/monitoring/samples/table-samples';
import { createRedis } from '../../src/redis';
import { readSettings } from '../../src/settings';
import { storageClients } from '../../src/storage/clients';
import { atMost, type BenchResult, median, type Scenario } from '../types';

const NODES = 3;
const DAYS = 30;
const ROUNDS = 7;

/** What the page waits for: a day and thirty days of a cluster's samples out of Table Storage. */
export const scenario: Scenario = { name: 'dashboard', run };

async function run(): Promise<BenchResult> {
  const azurite = await startAzurite();
  try {
    const settings = readSettings({ AzureWebJobsStorage: azurite.connectionString });
    const store = createTableSampleStore({ storage: storageClients(settings) });
    const now = Math.floor(Date.now() / MINUTE) * MINUTE;
    const sample = await realSample(now);
    const everyNode = (at: number) =>
      Array.from({ length: NODES }, (_, index): SampleBatch => ({ ...sample, at, source: `10.0.0.${index}:6379` }));
    for (let at = now - DAYS * DAY; at < now - HOUR; at += HOUR) {
      const hour = Math.floor(at / HOUR) * HOUR;
      await store.writeRolled('hour', rollUp(hour, everyNode(hour)));
    }
    for (let at = now - DAY; at <= now; at += MINUTE) await store.write(everyNode(at), []);
    const dashboard = createDashboard({
      ...{ cache: 'bench', store, clock: systemClock },
      alerts: async () => [],
      sweeps: async () => [],
      jobs: async () => [],
      census: async () => undefined,
      deadLetters: { list: async () => [], replay: async () => false, discard: async () => false },
    });
    const waitFor = async (range: string) => {
      const spent: number[] = [];
      for (let round = 0; round < ROUNDS; round += 1) {
        const began = performance.now();
        await dashboard.data(range);
        spent.push(performance.now() - began);
      }
      return median(spent);
    };
    const [dayMs, thirtyDaysMs] = [await waitFor('24h'), await waitFor('30d')];
    return {
      scenario: 'dashboard',
      figures: { dayMs, thirtyDaysMs, nodes: NODES, valuesANode: Object.keys(sample.values).length },
      peers: {},
      ratios: {},
      bars: [atMost('figures.dayMs', dayMs, 1_000), atMost('figures.thirtyDaysMs', thirtyDaysMs, 1_000)],
    };
  } finally {
    await azurite.stop();
  }
}

/** What a node really has to say. */
async function realSample(at: number): Promise<SampleBatch> {
  const server = await startRedis();
  const redis = createRedis({
    settings: readSettings({ REDIS_URL: server.adminUrl }),
    logger: silentLogger,
    role: 'bench',
  });
  try {
    const store = createMemorySampleStore();
    const collector = createCollector({
      ...{ redis, store, logger: silentLogger, clock: systemClock, cache: 'bench' },
      retention: { minute: 7, hour: 90, day: 800 },
    });
    for (const tick of [at - MINUTE, at]) await collector.collect(new Date(tick));
    const [sample] = await store.read({ after: at - 1, until: at });
    if (!sample) throw new Error('the collector stored nothing');
    return sample;
  } finally {
    await redis.close();
    await server.stop();
  }
}
