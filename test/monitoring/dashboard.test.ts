import { mkdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import rules from '../../alerts/rules.json';
import { fillSummary } from '../../src/alerting/evaluate/fill-summary';
import { DAY, HOUR, MINUTE, SECOND } from '../../src/clock';
import { type AlertView, createDashboard, type Dashboard, isSameSite, type JobState } from '../../src/monitoring';
import { jobRows } from '../../src/monitoring/dashboard/tables';
import { createMemorySampleStore } from '../../src/monitoring/samples/memory-samples';
import { maintain } from '../../src/monitoring/samples/roll-up';
import type { SampleStore } from '../../src/monitoring/samples/sample-store';
import { type RunningApp, startApp } from '../running-app';
import { openBrowser } from './browser';
import { censusAt } from './support';

const NODE = 'cache.example:6380';
const LABELS = { cache: 'redis', node: NODE };
// Where both steps of the samples meet, so that every hour holds an hour.
const NOW = Math.floor(Date.now() / (20 * MINUTE)) * 20 * MINUTE;
const LAST_SAVE = NOW - 50 * HOUR;
let store: SampleStore;
let letters: { letterId: string; entity: string; reason: string; detail: string; at: number }[];
let dashboard: Dashboard;

/** An alert as the rule of that name in alerts/rules.json says it. */
function alertOf(name: string, value: number, since: number, state: 'firing' | 'pending' = 'firing'): AlertView {
  const rule = rules.rules.find((it) => it.name === name);
  if (!rule) throw new Error(`no rule ${name}`);
  const { severity, runbook } = rule;
  return { alert: name, severity, runbook, state, since, summary: fillSummary(rule.summary, LABELS, value) };
}

const jobState = (job: JobState['job'], succeededAt: number, isOverdue: boolean): JobState => ({
  ...{ job, succeededAt, isOverdue, failedAt: null, detail: '' },
  ageSeconds: (NOW - succeededAt) / SECOND,
});

/** Thirty days of a cache that grows, with a day’s rhythm. */
async function thirtyDays(): Promise<SampleStore> {
  const samples = createMemorySampleStore();
  for (let at = NOW - 30 * DAY; at <= NOW; at += at < NOW - DAY ? 20 * MINUTE : MINUTE) {
    const minutes = at < NOW - DAY ? 20 : 1;
    const wave = 1 + Math.sin((at / DAY) * 2 * Math.PI) / 2;
    const grown = 2e9 + ((at - NOW) / DAY) * 2e7;
    await samples.write(
      [
        {
          ...{ at, source: NODE, labels: LABELS, info: { role: 'master' } },
          values: {
            ...{ redis_up: 1, redis_memory_used_bytes: grown, redis_memory_max_bytes: 2.2e9 },
            ...{ redis_interval_seconds: 60 * minutes, redis_commands: 60_000 * wave * minutes },
            ...{ redis_keyspace_hits: 900 * wave * minutes, redis_keyspace_misses: 100 * minutes },
            ...{ redis_clients: Math.round(40 * wave), redis_evicted_keys: 0, redis_expired_keys: 30 * wave * minutes },
            ...{ redis_rdb_last_save: LAST_SAVE / 1_000, redis_rdb_age_seconds: Math.max(0, at - LAST_SAVE) / 1_000 },
            'redis_command_calls|command=get': 50_000 * wave * minutes,
            'redis_command_seconds|command=get': 0.2 * wave * minutes,
            'redis_latency_calls|us=4': 40_000 * minutes,
            'redis_latency_calls|us=33': 50_000 * minutes,
          },
        },
        {
          ...{ at, source: 'app', labels: { cache: 'redis' }, info: {} },
          values: {
            'steward_queue_oldest_seconds|queue=write-behind': 3 * wave,
            'steward_queue_messages|queue=write-behind': Math.round(20 * wave),
            'steward_write_behind_lag_bucket|entity=user:profile,le=250': 60 * minutes,
            'steward_write_behind_lag_bucket|entity=product:catalog,le=250': 30 * minutes,
            'steward_write_behind_lag_bucket|entity=user:profile,le=1000': 10 * minutes,
            'steward_cache_hits|entity=user:profile': 90 * minutes,
            'steward_cache_misses|entity=user:profile': 10 * minutes,
            'steward_cache_loads|entity=user:profile': 10 * minutes,
            'steward_cache_load_ms|entity=user:profile': 120 * minutes,
            'steward_refresh_done|entity=user:profile,way=queue,outcome=refreshed': Math.round(8 * wave) * minutes,
            'steward_sweep_keys_examined|pass=sessions': 1_000 * minutes,
            'steward_job_runs|job=collectMetrics,outcome=ok': minutes,
            'steward_job_ms|job=collectMetrics': 40 * minutes,
          },
        },
      ],
      [],
    );
  }
  await maintain(samples, { minute: 40, hour: 90, day: 800 }, NOW - 26 * DAY);
  for (let day = 25; day >= 0; day -= 1) await maintain(samples, { minute: 40, hour: 90, day: 800 }, NOW - day * DAY);
  return samples;
}

beforeAll(async () => {
  store = await thirtyDays();
}, 120_000);

beforeEach(() => {
  letters = [
    {
      letterId: 'l1',
      entity: 'user:profile',
      reason: 'refused',
      detail: 'value <b>too long</b> for the column',
      at: NOW - HOUR,
    },
    {
      letterId: 'l2',
      entity: 'product:catalog',
      reason: 'clock',
      detail: 'its version lies in the future',
      at: NOW - 2 * HOUR,
    },
  ];
  const gone = async (letterId: string) => {
    const before = letters.length;
    letters = letters.filter((it) => it.letterId !== letterId);
    return letters.length < before;
  };
  dashboard = createDashboard({
    ...{ cache: 'redis', store, clock: { now: () => NOW } },
    alerts: async () => [
      alertOf('FragmentationHigh', 1.62, NOW - 12 * MINUTE, 'pending'),
      {
        ...alertOf('MemoryHigh', 2 / 2.2, NOW - 3 * HOUR),
        runbook: 'https://git.example/platform/cache-steward/blob/main/docs/runbooks/memory-high.md',
      },
      alertOf('DeadLetters', letters.length, NOW - 2 * HOUR),
      alertOf('SnapshotStale', (NOW - LAST_SAVE) / SECOND, NOW - 2 * HOUR),
    ],
    sweeps: async () => [{ pass: 'sessions', status: 'running', percent: 42, examined: 420_000 }],
    jobs: async () => [
      jobState('collectMetrics', NOW - MINUTE, false),
      jobState('reportPerformance', NOW - 4 * DAY, true),
    ],
    census: async () => censusAt(NOW - HOUR),
    deadLetters: { list: async (limit) => letters.slice(0, limit), replay: gone, discard: gone },
  });
});

test('what fires stands first, the gravest before the rest, then the oldest', async () => {
  expect((await dashboard.data('1h')).alerts.map(({ alert }) => alert)).toEqual([
    'SnapshotStale',
    'MemoryHigh',
    'DeadLetters',
    'FragmentationHigh',
  ]);
});

test('rates are sums divided by sums, and memory is foretold from the line through the range', async () => {
  const data = await dashboard.data('24h');
  const line = (id: string) => data.panels.find((panel) => panel.id === id)?.lines[0]?.values.at(-2);
  expect(line('hit-rate')).toBeGreaterThan(0.8);
  expect(line('latency')).toBeCloseTo(0.004, 5);
  expect(data.panels.find(({ id }) => id === 'latency')?.lines[1]?.values.at(-2)).toBe(0.033);
  const writeLag = data.panels.find(({ id }) => id === 'write-lag')?.lines.map(({ values }) => values.at(-2));
  expect(writeLag).toEqual([0.25, 1]);
  // The newest bucket has only begun: what it counted is over the time that has passed.
  expect(data.panels.find(({ id }) => id === 'sweeps')?.lines[0]?.values.slice(-2)).toEqual([1_000 / 60, 1_000 / 60]);
  expect(data.entities).toEqual([expect.objectContaining({ entity: 'user:profile', hitRate: 0.9, loadMs: 12 })]);
  expect(((data.memoryFullAt ?? 0) - NOW) / DAY).toBeCloseTo(10, 1);
  expect(data.nodes).toEqual({ up: 1, all: 1 });
  expect(data.census?.fullAt).toBe(NOW - HOUR + 10 * DAY);
});

test.each(['1h', '6h', '24h', '7d', '30d', '90d'])(
  'the range %s has a line of memory from end to end',
  async (range) => {
    const { panels, times } = await dashboard.data(range);
    const values = panels.find(({ id }) => id === 'memory')?.lines[0]?.values ?? [];
    expect(values).toHaveLength(times.length);
    expect(values.filter((value) => value !== null).length).toBeGreaterThan(range === '90d' ? 20 : times.length * 0.8);
  },
);

test('failures that Redis could not count are not shown as 0, nor are runs that no sample counted', async () => {
  const failing = { ...jobState('collectMetrics', NOW - HOUR, true), failedAt: NOW - MINUTE };
  const rows = jobRows(await store.read({ after: NOW - HOUR, until: NOW }), [
    failing,
    jobState('planSweep', NOW, false),
  ]);
  expect(rows).toEqual([
    expect.objectContaining({ job: 'collectMetrics', runs: 60, failures: null, lastFailure: NOW - MINUTE }),
    expect.objectContaining({ job: 'planSweep', runs: null, failures: null, meanMs: null, lastSuccess: NOW }),
  ]);
});

test('an unavailable part leaves the rest on the page, and is named', async () => {
  const broken = createDashboard({
    ...{ cache: 'redis', store, clock: { now: () => NOW } },
    alerts: () => Promise.reject(new Error('503')),
    sweeps: async () => [],
    jobs: async () => [],
    census: () => Promise.reject(new Error('503')),
    deadLetters: { list: async () => [], replay: async () => false, discard: async () => false },
  });
  const data = await broken.data('nonsense');
  expect(data.missing).toEqual(['alerts', 'census']);
  expect(data.census).toBeNull();
  expect(data.range).toBe('1h');
  expect(data.panels.length).toBeGreaterThan(5);
});

test.each([
  ['the page itself', { 'x-steward-action': '1', 'sec-fetch-site': 'same-origin', origin: 'https://a.example' }, true],
  ['a tool', { 'x-steward-action': '1' }, true],
  ['another site', { 'x-steward-action': '1', 'sec-fetch-site': 'cross-site', origin: 'https://b.example' }, false],
  ['another origin of an old browser', { 'x-steward-action': '1', origin: 'https://b.example' }, false],
  ['a form, which can send no header', { 'sec-fetch-site': 'same-origin', origin: 'https://a.example' }, false],
])('a change from %s', (_, headers, expected) => {
  expect(isSameSite(new Headers(headers as Record<string, string>), 'https://a.example')).toBe(expected);
});

/** The page is the built app's, as its host serves it; the figures are those of the cases here. */
describe('in a browser', () => {
  let browser: Browser | undefined;
  let app: RunningApp;
  let server: Server;
  let origin: string;
  let page: Page;
  const posts: { key: string | undefined; same: boolean }[] = [];
  const foreign: string[] = [];
  const faults: string[] = [];

  beforeAll(async () => {
    [browser, app] = await Promise.all([openBrowser(), startApp()]);
    if (!browser)
      console.warn(
        'SKIPPED: Chromium can neither be found nor downloaded; the dashboard is not looked at in a browser.',
      );
    server = createServer(async (request, response) => {
      const url = new URL(request.url ?? '/', origin);
      if (request.method === 'POST') {
        const key = request.headers['x-functions-key'] as string | undefined;
        const same = isSameSite(new Headers(request.headers as Record<string, string>), origin);
        posts.push({ key, same });
        if (key !== 'admin-key' || !same) return void response.writeHead(401).end();
        const chunks: Buffer[] = [];
        for await (const chunk of request) chunks.push(chunk as Buffer);
        return void response.end(JSON.stringify(await dashboard.act(JSON.parse(Buffer.concat(chunks).toString()))));
      }
      const range = url.searchParams.get('data');
      if (range === null) {
        const served = await fetch(`${app.address}/api/dashboard`);
        return void response
          .writeHead(served.status, { 'content-type': served.headers.get('content-type') ?? '' })
          .end(await served.text());
      }
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(await dashboard.data(range)));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }, 240_000);

  afterAll(async () => {
    await browser?.close();
    server.closeAllConnections();
    server.close();
    await app.stop();
  });

  async function open(options: Parameters<Browser['newPage']>[0] = {}, query = ''): Promise<Page> {
    page = await (browser as Browser).newPage({
      viewport: { width: 1280, height: 900 },
      colorScheme: 'light',
      ...options,
    });
    page.on('request', (it) => it.url().startsWith(origin) || it.url().startsWith('data:') || foreign.push(it.url()));
    page.on('pageerror', (error) => faults.push(error.message));
    page.on('console', (message) => message.type() === 'error' && faults.push(message.text()));
    await page.goto(`${origin}/api/dashboard?code=k${query}`);
    await page.waitForSelector('html[data-ready]');
    return page;
  }
  afterEach(() => page?.close());

  test('it is alive, whole, and loads nothing from elsewhere', async () => {
    if (!browser) return;
    await open();
    expect(await page.locator('#alert-list article').first().textContent()).toContain('critical: SnapshotStale');
    expect(await page.locator('.uplot').count()).toBeGreaterThanOrEqual(8);
    expect(await page.locator('#chart-memory .plot').getAttribute('aria-label')).toMatch(
      /^Memory\. cache\.example:6380: now 1\.9 GiB/,
    );
    expect(await page.locator('#tiles').textContent()).toContain('Memory is fullin 10 days');
    expect(await page.locator('#chart-write-lag .u-legend').textContent()).toMatch(
      /^Timenewest50 % within0\.25 s99 % within1 s$/,
    );
    expect(await page.locator('#letters').textContent()).toContain('value <b>too long</b> for the column');
    const census = (await page.getByRole('region', { name: /^Census of/ }).textContent()) ?? '';
    for (const said of ['user:profile1,20025 %5 MiB ± 256 KiB+12', 'sess:3000 %––', 'total1,50020 %–−7'])
      expect(census).toContain(said);
    expect(census).toMatch(/\+3 MiB a day; full in 10 days, on \d/);
    expect(foreign).toEqual([]);
    expect(faults).toEqual([]);
  });

  test('a part that could not be read is not called empty, and a new installation is shown what to expect', async () => {
    if (!browser) return;
    const whole = dashboard;
    const away = () => Promise.reject(new Error('503'));
    dashboard = createDashboard({
      ...{ cache: 'redis', store: createMemorySampleStore(), clock: { now: () => NOW } },
      ...{ alerts: away, sweeps: async () => [], jobs: async () => [], census: async () => undefined },
      deadLetters: { list: away, replay: async () => false, discard: async () => false },
    });
    await open();
    const textOf = (id: string) => page.locator(id).textContent();
    for (const id of ['#alert-list', '#letters']) expect(await textOf(id)).toMatch(/^Not known: .* not be read/);
    expect(await textOf('#tiles')).toContain('Dead letters–');
    expect(await textOf('#tiles')).toContain('Nodes answering–');
    expect(await textOf('#charts')).toMatch(/^No sample in this range\. collectMetrics takes one each minute/);
    expect(faults).toEqual([]);
    await page.close();
    dashboard = createDashboard({
      ...{ cache: 'redis', store: createMemorySampleStore(), clock: { now: () => NOW } },
      ...{ alerts: async () => [], sweeps: async () => [], jobs: async () => [], census: async () => undefined },
      deadLetters: { list: async () => [], replay: async () => false, discard: async () => false },
    });
    await open();
    expect([await textOf('#alert-list'), await textOf('#letters')]).toEqual(['Nothing fires.', 'None.']);
    if (process.env.SCREENSHOTS) await page.screenshot({ path: join(process.env.SCREENSHOTS, 'dashboard-new.png') });
    dashboard = whole;
  });

  test('before the first figures, a failure names its service', async () => {
    if (!browser) return;
    page = await browser.newPage();
    const body = JSON.stringify({ error: 'ECONNREFUSED', message: 'Storage does not answer: ECONNREFUSED' });
    await page.route('**/*data=*', (route) => route.fulfill({ status: 503, contentType: 'application/json', body }));
    await page.goto(`${origin}/api/dashboard?code=k`);
    const line = page.locator('#status', { hasText: 'Not read' });
    expect(await line.textContent()).toBe('Not read: Storage does not answer: ECONNREFUSED. Nothing is shown yet.');
  });

  test('a runbook with an address is a link, and nothing else is', async () => {
    if (!browser) return;
    const whole = dashboard;
    const runbooks = ['docs/runbooks/memory-high.md', 'https://git.example/memory-high.md', 'javascript:alert(1)'];
    dashboard = createDashboard({
      ...{ cache: 'redis', store: createMemorySampleStore(), clock: { now: () => NOW } },
      ...{ sweeps: async () => [], jobs: async () => [], census: async () => undefined },
      alerts: async () => runbooks.map((runbook) => ({ ...alertOf('MemoryHigh', 0.9, NOW), runbook })),
      deadLetters: { list: async () => [], replay: async () => false, discard: async () => false },
    });
    await open();
    const about = await page.locator('#alert-list .about').allTextContents();
    expect(about).toEqual(runbooks.map((runbook) => expect.stringContaining(`what to do: ${runbook}`)));
    const links = await page.locator('#alert-list a').evaluateAll((all) => all.map((it) => it.getAttribute('href')));
    expect(links).toEqual(['https://git.example/memory-high.md']);
    dashboard = whole;
  });

  test('of many dead letters the first are listed, and how many there are is said', async () => {
    if (!browser) return;
    const [first] = letters;
    const lettersOf = async (count: number) => {
      letters = Array.from({ length: count }, (_, index) => ({ ...first!, letterId: `l${index}` }));
      await open();
      const rows = await page.locator('#letters tbody tr').count();
      const tile = await page.locator('#tiles div', { hasText: 'Dead letters' }).locator('dd').textContent();
      const caption = await page.locator('#letters caption').textContent();
      await page.close();
      return [rows, tile, caption];
    };
    const caption = 'Writes that could not be saved';
    expect(await lettersOf(100)).toEqual([100, '100', caption]);
    expect(await lettersOf(250)).toEqual([100, '250', `${caption}: the first 100 of 250`]);
    expect(await lettersOf(1_200)).toEqual([100, '1,000 or more', `${caption}: the first 100 of 1,000 or more`]);
    expect(faults).toEqual([]);
  });

  test('the keyboard chooses a range, and thirty days are there within a second', async () => {
    if (!browser) return;
    await open();
    const began = performance.now();
    await page.keyboard.press('5');
    await page.waitForSelector('html[data-ready="30d"]');
    const ms = performance.now() - began;
    expect(await page.locator('#ranges button[aria-pressed="true"]').textContent()).toBe('30d');
    console.info(`thirty days drawn in ${Math.round(ms)} ms`);
  });

  test('a dead letter is replayed with an administrator’s key, and not with another', async () => {
    if (!browser) return;
    await open();
    await page.getByRole('button', { name: /replay the dead letter of user:profile/ }).click();
    await page.locator('#key').fill('wrong');
    await page.getByRole('button', { name: 'Go on' }).click();
    await page.locator('#status', { hasText: 'not allowed' }).waitFor();
    expect(letters).toHaveLength(2);
    await page.getByRole('button', { name: /replay the dead letter of user:profile/ }).click();
    await page.locator('#key').fill('admin-key');
    await page.getByRole('button', { name: 'Go on' }).click();
    await page.locator('#status', { hasText: /^dead letter replayed$/ }).waitFor();
    expect(letters.map(({ letterId }) => letterId)).toEqual(['l2']);
    expect(posts).toEqual([
      { key: 'wrong', same: true },
      { key: 'admin-key', same: true },
    ]);
    faults.length = 0;
  });

  test.each([
    ['light', { colorScheme: 'light' as const }],
    ['dark', { colorScheme: 'dark' as const }],
    ['phone', { viewport: { width: 390, height: 844 }, colorScheme: 'light' as const }],
  ])('it fits, and axe finds nothing serious: %s', async (name, options) => {
    if (!browser) return;
    await open(options, '&range=7d');
    await page.evaluate(await readFile(require.resolve('axe-core/axe.min.js'), 'utf8'));
    const found = await page.evaluate<{ id: string; impact: string; nodes: { target: string[] }[] }[]>(
      'axe.run().then(({ violations }) => violations)',
    );
    const serious = found.filter(({ impact }) => impact === 'serious' || impact === 'critical');
    expect(serious.map(({ id, nodes }) => [id, nodes.map(({ target }) => target)])).toEqual([]);
    const overflow = await page.evaluate<number>(
      'document.documentElement.scrollWidth - document.documentElement.clientWidth',
    );
    expect(overflow).toBeLessThanOrEqual(0);
    if (process.env.SCREENSHOTS) {
      mkdirSync(process.env.SCREENSHOTS, { recursive: true });
      await page.screenshot({
        path: join(process.env.SCREENSHOTS, `dashboard-${name}.png`),
        fullPage: name !== 'phone',
      });
    }
  });
});
