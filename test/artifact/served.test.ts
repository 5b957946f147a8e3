import type { Browser } from 'playwright-core';
import { openBrowser } from '../monitoring/browser';
import { type RunningApp, startApp } from '../running-app';

/** The built app, over HTTP, as people and monitors meet it. */

let app: RunningApp;
beforeAll(async () => {
  app = await startApp();
}, 120_000);
afterAll(() => app?.stop());

const get = (path: string) => fetch(`${app.address}/api/${path}`);

async function fire(job: string): Promise<void> {
  const from = app.lines.length;
  await app.host.fire(job);
  const ended = (line: string) => line.includes('"event":"invocation"') && line.includes(`"function":"${job}"`);
  while (!app.lines.slice(from).some(ended)) await new Promise((resolve) => setTimeout(resolve, 25));
}

test('the dashboard is served with its charts, style and script inside', async () => {
  const answer = await get('dashboard');
  expect(answer.status).toBe(200);
  expect(answer.headers.get('content-type')).toMatch(/^text\/html/);
  const page = await answer.text();
  expect(page).toContain('var uPlot=');
  expect(page).toContain('.u-legend');
  expect(page).toContain('</html>');
  expect(page).not.toContain('undefined</script>');
  expect(page).not.toMatch(/(src|href)="https?:/);
});

test('figures and metrics are served after a collection', async () => {
  await fire('collectMetrics');
  const figures = await get('dashboard?data=1h');
  expect(figures.status).toBe(200);
  expect(((await figures.json()) as { nodes: unknown }).nodes).toEqual({ up: 1, all: 1 });
  const metrics = await get('metrics');
  expect(metrics.status).toBe(200);
  expect(await metrics.text()).toMatch(/^redis_up\{.*\} 1$/m);
});

test('a check from inside finds the cache and the sessions at work', async () => {
  const answer = await get('selfCheck');
  expect(await answer.json()).toMatchObject({ ok: true });
});

describe('in a browser', () => {
  let browser: Browser | undefined;
  beforeAll(async () => {
    browser = await openBrowser();
    if (!browser) console.warn('SKIPPED: no Chromium can be had; the page of the built app is not looked at in one.');
  }, 240_000);
  afterAll(() => browser?.close());

  test('the page draws its charts of what was collected, without a fault and with nothing from elsewhere', async () => {
    if (!browser) return;
    await fire('collectMetrics');
    const page = await browser.newPage();
    const foreign: string[] = [];
    const faults: string[] = [];
    page.on(
      'request',
      (it) => it.url().startsWith(app.address) || it.url().startsWith('data:') || foreign.push(it.url()),
    );
    page.on('pageerror', (error) => faults.push(error.message));
    page.on('console', (message) => message.type() === 'error' && faults.push(message.text()));
    await page.goto(`${app.address}/api/dashboard?code=k`);
    await page.waitForSelector('html[data-ready]');
    expect(await page.locator('.uplot').count()).toBeGreaterThanOrEqual(1);
    expect(await page.locator('#tiles').textContent()).toContain('Nodes answering1');
    expect({ foreign, faults }).toEqual({ foreign: [], faults: [] });
  });
});
