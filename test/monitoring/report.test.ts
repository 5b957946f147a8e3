import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DAY, HOUR, MINUTE } from '../../src/clock';
import { createReport, type ReportAlert } from '../../src/monitoring';
import { createMemorySampleStore } from '../../src/monitoring/samples/memory-samples';
import { rollUp } from '../../src/monitoring/samples/roll-up';
import type { SampleStore } from '../../src/monitoring/samples/sample-store';
import { openBrowser } from './browser';
import { batchOf } from './sample-store-conformance';
import { azuriteStorage, censusAt, T0 } from './support';

let azurite: Awaited<ReturnType<typeof azuriteStorage>>;
beforeAll(async () => {
  azurite = await azuriteStorage();
});
afterAll(() => azurite.stop());

/** Eight days by the hour: until yesterday 90 % hits, since then 60 %, and memory that grows since then. */
async function samples(): Promise<SampleStore> {
  const store = createMemorySampleStore();
  for (let at = T0 - 9 * DAY; at < T0; at += HOUR) {
    const today = at >= T0 - DAY;
    const node = batchOf(at, 'a:1', {
      ...{ redis_up: 1, redis_keyspace_hits: today ? 600 : 900, redis_keyspace_misses: today ? 400 : 100 },
      ...{ redis_memory_max_bytes: 1_000, redis_memory_used_bytes: today ? 700 + (at - T0) / HOUR : 600 },
      ...{ redis_commands: 36_000, redis_interval_seconds: 3_600, redis_rejected_connections: 0, redis_clients: 7 },
      'redis_command_calls|command=hgetall': 100,
      'redis_command_seconds|command=hgetall': 0.9,
    });
    const app = batchOf(at, 'app', { 'steward_job_runs|job=planSweep,outcome=failed': today ? 1 : 0 });
    await store.writeRolled('hour', rollUp(at, [node, app]));
  }
  return store;
}

const census = async () => censusAt(T0 - HOUR);

const alerts: ReportAlert[] = [
  {
    alert: 'HitRatioLow',
    severity: 'warning',
    where: '<b>redis</b>',
    firedAt: T0 - 3 * HOUR,
    resolvedAt: T0 - 2 * HOUR,
  },
  { alert: 'MemoryFullSoon', severity: 'warning', where: 'a:1', firedAt: T0 - 30 * MINUTE, resolvedAt: null },
  { alert: 'RedisDown', severity: 'critical', where: 'a:1', firedAt: T0 - 5 * DAY, resolvedAt: T0 - 5 * DAY + HOUR },
];

test('a report compares the day with the day and the week before, and says what to do next', async () => {
  const report = createReport({
    cache: 'redis',
    store: await samples(),
    storage: azurite.fresh(),
    alerts: async () => alerts,
    census,
  });
  const { data } = await report.make(new Date(T0), DAY);
  expect(data.now).toMatchObject({ hitRate: 0.6, commandsPerSecond: 10, mostConnections: 7, failedRuns: 24 });
  expect(data.now.commandMs).toBeCloseTo(9);
  expect(data.dayBefore.hitRate).toBe(0.9);
  expect(data.weekBefore.hitRate).toBe(0.9);
  expect(data.alerts.map(({ alert }) => alert)).toEqual(['HitRatioLow', 'MemoryFullSoon']);
  expect(Date.parse(data.memoryFullAt ?? '')).toBeGreaterThan(T0 + 12 * DAY);
  expect(data.advice).toEqual([
    'An alert still fires: start with MemoryFullSoon.',
    expect.stringMatching(/^At this rate memory is full on 2026-12-0/),
    'The hit rate fell from 90 % to 60 %: check what changed.',
    'hgetall takes 9.0 ms each time: every other command waits behind it.',
    '24 runs of jobs failed: see the table of jobs.',
  ]);
});

test('the day’s page and figures lie in blob storage, and writing them again replaces them', async () => {
  const storage = azurite.fresh();
  const report = createReport({ cache: 'redis', store: await samples(), storage, alerts: async () => alerts, census });
  await report.write(new Date(T0));
  await report.write(new Date(T0));
  const container = await storage.container('reports');
  const names: string[] = [];
  for await (const { name } of container.listBlobsFlat()) names.push(name);
  expect(names).toEqual(['2026-11-23.html', '2026-11-23.json']);
  const text = (await container.getBlockBlobClient('2026-11-23.html').downloadToBuffer()).toString();
  expect(text).toContain('&lt;b&gt;redis&lt;/b&gt;');
  expect(text).toContain('<td>user:profile</td><td>1,200</td><td>25 %</td><td>5 MiB ± 0.25 MiB</td><td>+12</td>');
  expect(text).toContain('<td>sess:</td><td>300</td><td>0 %</td><td>–</td><td>–</td>');
  expect(text).toContain('+3 MiB a day; full in 10 days, on 2026-12-03.');
  const json = JSON.parse((await container.getBlockBlobClient('2026-11-23.json').downloadToBuffer()).toString());
  expect(json.census).toMatchObject({ total: { keys: 1_500 }, fullAt: Date.UTC(2026, 11, 3, 11) });
  expect(text).not.toMatch(/https?:\/\//);
});

test('an empty store makes an empty report, not a failure', async () => {
  const report = createReport({
    cache: 'redis',
    store: createMemorySampleStore(),
    storage: azurite.fresh(),
    alerts: async () => [],
    census: async () => undefined,
  });
  const { data, html } = await report.make(new Date(T0), 7 * DAY);
  expect(data.now.hitRate).toBeNull();
  expect(data.advice).toEqual(['Nothing needs to be done.']);
  expect(data.census).toBeNull();
  expect(html).toContain('<h2>Census</h2><p>None yet.</p>');
  expect(html).toContain('Nothing needs to be done.');
});

test('the page reads well in a browser: three charts, and nothing serious to axe', async () => {
  const browser = await openBrowser();
  if (!browser) {
    console.warn('SKIPPED: Chromium can neither be found nor downloaded; the report is not looked at in a browser.');
    return;
  }
  try {
    const report = createReport({
      cache: 'redis',
      store: await samples(),
      storage: azurite.fresh(),
      alerts: async () => alerts,
      census,
    });
    const { html } = await report.make(new Date(T0), DAY);
    const page = await browser.newPage({ viewport: { width: 1000, height: 900 } });
    await page.setContent(html);
    expect(await page.locator('svg polyline').count()).toBe(3);
    await page.evaluate(await readFile(require.resolve('axe-core/axe.min.js'), 'utf8'));
    const serious = await page.evaluate<string[]>(
      "axe.run().then(({ violations }) => violations.filter(({ impact }) => ['serious', 'critical'].includes(impact)).map(({ id }) => id))",
    );
    expect(serious).toEqual([]);
    const shots = process.env.SCREENSHOTS;
    if (shots) await page.screenshot({ path: join(shots, 'report.png'), fullPage: true });
  } finally {
    await browser.close();
  }
}, 240_000);
