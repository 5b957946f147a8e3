import { createHmac } from 'node:crypto';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Browser } from 'playwright-core';
import { projectRoot } from '../../local/servers/paths';
import { troubleOf } from '../../local/stack/job-line';
import { coerceError } from '../../src/errors';
import { ensureBuilt } from '../built';
import { type ParameterFile, readSnapshot } from '../infra/infra';
import { openBrowser } from '../monitoring/browser';
import { type Admin, openAdmin } from './admin';
import { type DeployedApp, startDeployedApp } from './deployed-app';
import { type Platform, SECRETS, startPlatform } from './platform';
import { startWeb, type Web } from './web';

const RUN_MS = 60_000;
const TICK_MS = 90_000;

/** Every function of the product, as the sources register them. */
const registered = globSync('src/functions/*.ts', { cwd: projectRoot }).flatMap((file) => {
  const text = readFileSync(join(projectRoot, file), 'utf8');
  return [...text.matchAll(/\b(app\.http|onRequest|onTimer|onMessage)\(\s*'(\w+)'/g)].map(([, trigger, name]) => ({
    name: String(name),
    trigger: { onTimer: 'timerTrigger', onMessage: 'queueTrigger' }[String(trigger)] ?? 'httpTrigger',
  }));
});

/** The published app, started with exactly what a parameter file deploys, does all its work. */
export function describeDeployed(name: ParameterFile): void {
  describe(`the app as ${name} deploys it`, () => {
    let platform: Platform | undefined;
    let app: DeployedApp;
    let startedWeb: Web | Error;
    let admin: Admin;

    beforeAll(async () => {
      ensureBuilt();
      platform = await startPlatform(readSnapshot(name));
      if (!platform) {
        process.stderr.write(`SKIPPED the app as ${name} deploys it: Redis 6.0 can neither be found nor downloaded\n`);
        return;
      }
      app = await startDeployedApp(platform);
      // Without it the rest of the app is still worth looking at.
      startedWeb = await startWeb(platform).catch(coerceError);
      admin = openAdmin(platform);
    }, 120_000);

    afterAll(async () => {
      await admin?.stop();
      if (startedWeb && 'stop' in startedWeb) await startedWeb.stop();
      await app?.stop();
      await platform?.stop();
    }, 60_000);

    /** Nothing to look at if Premium's Redis is not available; one line has said so. */
    const deployed = (title: string, work: (on: Platform) => Promise<void>, timeoutMs = 120_000) =>
      test(title, () => (platform ? work(platform) : Promise.resolve()), timeoutMs);

    const web = (): Web => {
      if (startedWeb instanceof Error) throw startedWeb;
      return startedWeb;
    };

    /** The next run of a job from the `from`-th on, which must have ended well. */
    const ran = async (job: string, from = 0, timeoutMs = RUN_MS) => {
      const run = await app.runs.next((one) => one.job === job, from, timeoutMs);
      expect({ job, ok: run?.ok, summary: run?.summary }).toEqual({ job, ok: true, summary: expect.any(String) });
      return run;
    };

    const untilEmpty = async (queue: string) => {
      const client = await admin.client.storage.queue(queue);
      const end = Date.now() + RUN_MS;
      for (;;) {
        const { approximateMessagesCount: left } = await client.getProperties();
        if (left === 0 || Date.now() > end) return expect({ queue, left }).toEqual({ queue, left: 0 });
        await sleep(100);
      }
    };

    deployed('registers every function, and the host disables none', async () => {
      expect(app.functions).toEqual(expect.arrayContaining(registered));
      expect(app.functions).toHaveLength(registered.length);
      for (const { name: each } of registered) {
        const status = await app.request(`/admin/functions/${each}/status`, { key: 'master' });
        expect([each, status.status, await status.json()]).toEqual([each, 200, {}]);
      }
    });

    deployed('runs the timers that are rarer than a minute when they are fired through the admin route', async () => {
      for (const job of ['drainPoison', 'planSweep', 'reportPerformance']) {
        const from = app.runs.all.length;
        await app.fire(job);
        await ran(job, from);
      }
    });

    /** A profile that a web app writes behind is in the database, and it is what the web app reads. */
    const writesBehind = async (id: string, profile: { readonly name: string }) => {
      const from = app.runs.all.length;
      const version = await web().visitors.write(id, profile);
      await ran('flushWrites', from);
      await untilEmpty(admin.client.settings.WRITE_BEHIND_QUEUE);
      const { rows } = await admin.client.pool.query(
        'select version::text as version, value from cache_entries where key = $1',
        [`user:profile:${id}`],
      );
      expect(rows).toEqual([{ version, value: profile }]);
      expect(await (await fetch(`${web().address}/profiles/${id}`)).json()).toEqual(profile);
    };

    deployed('saves what a web app has written behind', () => writesBehind('deployed-1', { name: 'Ada' }));

    deployed('saves a value that travels in a blob', () => writesBehind('deployed-2', { name: 'x'.repeat(100_000) }));

    deployed('refreshes an entry that a web app reads past its refresh point', async () => {
      await web().visitors.setPrice('deployed-1', 1);
      const from = app.runs.all.length;
      const refreshed = () => app.runs.all.slice(from).some(({ job }) => job === 'refreshEntries');
      for (const end = Date.now() + RUN_MS; !refreshed() && Date.now() < end; await sleep(1_000)) {
        await web().visitors.prices(['deployed-1']);
        await app.fire('planRefreshes');
      }
      await ran('refreshEntries', from);
      await untilEmpty(admin.client.settings.REFRESH_AHEAD_QUEUE);
    });

    deployed('keeps a visitor of a web app signed in, with the secret of the vault', async ({ answered }) => {
      const cookie = await web().visitors.login('ada');
      await web().visitors.visit(cookie);
      expect(answered).toContainEqual(expect.stringMatching(/^web GET \/secrets\/session-secret\//));
    });

    deployed('sweeps every shard once a sweep was planned', async () => {
      // The first planSweep of this app queued them.
      await ran('sweepShard');
      await untilEmpty(admin.client.settings.SWEEP_QUEUE);
    });

    deployed('sends an alert to the webhook, signed, over TLS, at a public address', async ({ webhook }) => {
      // What nobody can decode becomes a dead letter, and a dead letter an alert. The clock may be first to see it.
      const from = app.runs.all.length;
      const journal = await admin.client.storage.queue(admin.client.settings.WRITE_BEHIND_QUEUE);
      await journal.sendMessage(Buffer.from('not a message').toString('base64'));
      await untilEmpty(admin.client.settings.WRITE_BEHIND_QUEUE);
      const sent = () => webhook.posts.some((post) => post.includes('DeadLetters'));
      for (const end = Date.now() + RUN_MS; !sent() && Date.now() < end; ) {
        for (const job of ['collectMetrics', 'evaluateAlerts']) {
          const before = app.runs.all.length;
          await app.fire(job);
          await ran(job, before);
        }
        await app.runs.next(({ job }) => job === 'notifyAlerts', from, 1_000);
      }
      expect(sent()).toBe(true);
      await ran('notifyAlerts', from);
      await untilEmpty(admin.client.settings.ALERT_QUEUE);
      const [post = ''] = webhook.posts;
      const [, seconds, signature] =
        /^t=(\d+),v1=(\w+)$/.exec(String(webhook.headers[0]?.['x-steward-signature'])) ?? [];
      expect(createHmac('sha256', SECRETS.signing).update(`${seconds}.${post}`).digest('hex')).toBe(signature);
    });

    deployed('answers health to anybody, with 200 and one word', async () => {
      const answer = await app.request('/api/health');
      expect([answer.status, await answer.text()]).toEqual([200, expect.stringMatching(/^(ok|degraded)$/)]);
    });

    deployed('answers every other endpoint to a key, and to nobody without one', async () => {
      const endpoints: readonly { path: string; key?: 'master' }[] = [
        ...['/api/dashboard', '/api/dashboard?data=1h', '/api/metrics', '/api/selfCheck', '/api/health/detail'].map(
          (path) => ({ path }),
        ),
        { path: '/api/dashboard/actions', key: 'master' },
      ];
      const answers = new Map<string, { status: number; body: string }>();
      for (const { path, key = 'function' } of endpoints) {
        const init =
          key === 'master' ? { method: 'POST', headers: ACTION, body: '{"action":"discard","letterId":"x"}' } : {};
        const refused = await app.request(path, init);
        expect([path, refused.status, await refused.text()]).toEqual([path, 401, '']);
        const answer = await app.request(path, { ...init, key });
        answers.set(path, { status: answer.status, body: await answer.text() });
      }
      expect([...answers].map(([path, { status }]) => [path, status])).toEqual(
        endpoints.map(({ path }) => [path, 200]),
      );
      const body = (path: string) => answers.get(path)?.body ?? '';
      const { ok, checks } = JSON.parse(body('/api/selfCheck')) as {
        ok: boolean;
        checks: { name: string; state: string }[];
      };
      expect(ok).toBe(true);
      // Redis 6.0 has no LATENCY HISTOGRAM; nothing else is worth a word.
      const remarks = checks.filter(({ state }) => state !== 'ok' && state !== 'skipped').map((check) => check.name);
      expect(remarks.filter((remark) => remark !== 'redis.observation')).toEqual([]);
      expect(body('/api/metrics')).toMatch(/^redis_up\{cache="[^"]+",node="127\.0\.0\.1:\d+".*\} 1$/m);
      expect(body('/api/metrics')).toMatch(/^azure_server_load_share\{/m);
      expect(JSON.parse(body('/api/dashboard?data=1h'))).toMatchObject({ range: '1h' });
    });

    deployed('refuses a function key where an administrator’s is asked for', async () => {
      const answer = await app.request('/api/dashboard/actions', { method: 'POST', headers: ACTION, key: 'function' });
      expect(answer.status).toBe(401);
    });

    deployed('shows its dashboard in a browser, without an error', async () => {
      const browser = await openBrowser();
      if (!browser) {
        process.stderr.write(
          'SKIPPED the deployed dashboard in a browser: Chromium can neither be found nor downloaded\n',
        );
        return;
      }
      try {
        await lookAt(browser, `${app.address}/api/dashboard?code=${app.keys.function}`);
      } finally {
        await browser.close();
      }
    });

    deployed('runs the timers of each minute by the clock', async () => {
      for (const job of ['collectMetrics', 'evaluateAlerts', 'planRefreshes']) {
        await app.runs.next(() => app.ranByTheClock(job), 0, TICK_MS);
        expect([job, app.ranByTheClock(job)]).toEqual([job, true]);
      }
    });

    deployed('is well, and says so of each job', async () => {
      const detail = await app.request('/api/health/detail', { key: 'function' });
      const health = (await detail.json()) as { status: string; faults: string[]; jobs: { job: string }[] };
      expect([detail.status, health.status, health.faults]).toEqual([200, 'ok', []]);
      const jobs = registered.filter(({ trigger }) => trigger !== 'httpTrigger').map((one) => one.name);
      expect(health.jobs.map(({ job }) => job).sort()).toEqual(jobs.sort());
      expect(await (await app.request('/api/health')).text()).toBe('ok');
    });

    deployed('was refused nothing, and nothing failed', async ({ refused, answered }) => {
      // A web app asks for its queue and its container to be made, which the deployment has done; it may not, and goes on.
      expect(refused.filter((request) => !/^web 403 PUT [^?]+\/(write-behind|steward-claims)\?/.test(request))).toEqual(
        [],
      );
      expect(answered.some((request) => /^app GET .*Microsoft.Insights\/metrics/.test(request))).toBe(true);
      expect(app.invocations.filter(({ ok }) => !ok)).toEqual([]);
      const troubles = app.lines.flatMap((line) => troubleOf(line) ?? []);
      // The message that nobody could decode, and the alert that it was; and a connection that a busy machine cut, since
      // what Redis itself refuses is seen at its end.
      const expected = /dead letter|DeadLetters|^redis (error|reconnecting)/i;
      expect(troubles.filter((trouble) => !expected.test(trouble))).toEqual([]);
    });

    deployed('prints no secret of the deployment', async () => {
      const printed = app.lines.join('\n');
      for (const secret of Object.values(SECRETS)) expect(printed).not.toContain(secret);
    });

    deployed('ends in order when it is asked to', async () => {
      expect(await app.stop()).toBe(0);
    });
  });
}

const ACTION = { 'content-type': 'application/json', 'x-steward-action': '1' };

/** The page has its tiles and a chart, and says nothing on the console. */
async function lookAt(browser: Browser, url: string): Promise<void> {
  const page = await browser.newPage();
  const faults: string[] = [];
  page.on('pageerror', (error) => faults.push(error.message));
  page.on('console', (message) => message.type() === 'error' && faults.push(message.text()));
  await page.goto(url);
  await page.waitForSelector('html[data-ready]');
  expect(await page.locator('#tiles dd').count()).toBeGreaterThan(3);
  expect(await page.locator('.uplot').count()).toBeGreaterThan(0);
  expect(await page.locator('#letters').textContent()).toContain('undecodable');
  expect(faults).toEqual([]);
}
