import { troubleOf } from '../../local/stack/job-line';
import { ensureBuilt } from '../built';
import { readSnapshot } from '../infra/infra';
import { type DeployedApp, startDeployedApp } from './deployed-app';
import { type Platform, startPlatform } from './platform';

/** A parameter file as it stands: whoever deploys it has set none of the environment variables that it reads. */
describe('the app as managed deploys it, without a database and a webhook', () => {
  let platform: Platform;
  let app: DeployedApp;

  beforeAll(async () => {
    ensureBuilt();
    const started = await startPlatform(readSnapshot('managed'), {
      ...{ databaseUrl: '', alertWebhookUrl: '', alertWebhookSecret: '' },
    });
    if (!started) throw new Error('Expected the platform of managed to start, and it was skipped');
    platform = started;
    app = await startDeployedApp(platform);
  }, 120_000);

  afterAll(async () => {
    await app?.stop();
    await platform?.stop();
  }, 60_000);

  test('runs every timer', async () => {
    const timers = app.functions.filter(({ trigger }) => trigger === 'timerTrigger').map(({ name }) => name);
    expect(timers).toHaveLength(6);
    for (const job of timers) {
      const from = app.runs.all.length;
      await app.fire(job);
      const run = await app.runs.next((one) => one.job === job, from, 60_000);
      expect([job, run?.ok, run?.summary]).toEqual([job, true, expect.any(String)]);
    }
  });

  test('is well, and says so', async () => {
    const detail = await app.request('/api/health/detail', { key: 'function' });
    expect([detail.status, await detail.json()]).toEqual([200, expect.objectContaining({ status: 'ok', faults: [] })]);
    const check = await app.request('/api/selfCheck', { key: 'function' });
    expect([check.status, await check.json()]).toEqual([200, expect.objectContaining({ ok: true })]);
  });

  test('complains of nothing', () => {
    expect(app.lines.flatMap((line) => troubleOf(line) ?? [])).toEqual([]);
  });
});
