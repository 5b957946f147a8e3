import { startWebhook, type Webhook } from '../../local/once/webhook';
import { type RunningAzurite, type RunningSentinels, startAzurite, startSentinels } from '../../local/servers';
import { type App, createApp } from '../../src/app';
import { type Client, createClient } from '../../src/client';
import { MINUTE } from '../../src/clock';
import { defineEntity } from '../../src/entities/define-entity';
import { physicalKey } from '../../src/entities/key';
import { errorCode } from '../../src/errors';
import { silentLogger } from '../../src/logger';
import { readSettings, type Settings } from '../../src/settings';
import { storeInMemory } from '../write-behind/support';
import { asked, primaryOf, sentinelsAtRest, until } from './ha/servers';

const store = storeInMemory();
const entities = [defineEntity({ name: 'user:profile', store, ttlSeconds: 600 })];
let set: RunningSentinels;
let azurite: RunningAzurite;
let webhook: Webhook;
let settings: Settings;
let app: App;
let web: Client;

beforeAll(async () => {
  [set, azurite, webhook] = await Promise.all([startSentinels(), startAzurite(), startWebhook()]);
  settings = readSettings({
    ...set.environments.app,
    AzureWebJobsStorage: azurite.connectionString,
    ...{
      REDIS_DEADLINE_MS: '500',
      REDIS_JOB_DEADLINE_MS: '500',
      WRITE_BEHIND_RETRY_CAP_SECONDS: '1',
      SWEEP_PAUSE_SECONDS: '1',
    },
    ...{ ALERT_WEBHOOK_URL: webhook.url, ALERT_WEBHOOK_ALLOW_PRIVATE: 'true', ALERT_WEBHOOK_FORMAT: 'json' },
    ALERT_GROUP_INTERVAL_SECONDS: '0',
  });
  app = createApp({ settings, entities, logger: silentLogger });
  web = createClient({ settings, entities, logger: silentLogger, role: 'web' });
  await web.redis.ready(10_000);
}, 60_000);
afterAll(async () => {
  await Promise.all([app?.close(), web?.close()]);
  await Promise.all([set?.stop(), azurite?.stop(), webhook?.stop()]);
});

/** Gives a job what its queue shows now, as the host does: what it fails with stays. Gives the errors' codes. */
async function deliver(name: string, job: (message: unknown) => Promise<unknown>): Promise<string[]> {
  const queue = await web.storage.queue(name);
  const page = await queue.receiveMessages({ numberOfMessages: 32, visibilityTimeout: 2 });
  const failures: string[] = [];
  for (const { messageText, messageId, popReceipt } of page.receivedMessageItems) {
    try {
      await job(JSON.parse(Buffer.from(messageText, 'base64').toString('utf8')));
      await queue.deleteMessage(messageId, popReceipt);
    } catch (error) {
      failures.push(errorCode(error));
    }
  }
  return failures;
}
const flushWrites = () =>
  deliver(settings.WRITE_BEHIND_QUEUE, (message) => app.flushWrites(message, { dequeueCount: 1 }));
const sweepShard = () => deliver(settings.SWEEP_QUEUE, (message) => app.sweepShard(message));

/** Of each sweep that has begun: running or finished. */
const sweeps = async (): Promise<string[]> => {
  const { body } = await app.healthDetail();
  return (JSON.parse(String(body)) as { sweeps: { status: string }[] }).sweeps.map(({ status }) => status);
};

/** Servers that have the entry. */
const copies = async (key: string): Promise<number> => {
  const found = set.servers.map((server) =>
    asked(server, async (client) => {
      await client.select(settings.REDIS_CACHE_DB);
      return client.exists(physicalKey(key));
    }).catch(() => 0),
  );
  return (await Promise.all(found)).reduce((sum, one) => sum + one, 0);
};

/** How long the primary must be silent before the sentinels fail over. */
const noticeAfter = (ms: number) =>
  Promise.all(
    set.sentinels.map((sentinel) =>
      asked(sentinel, (client) => client.call('SENTINEL', 'SET', 'steward', 'down-after-milliseconds', ms)),
    ),
  );

/** The states that were sent of RedisDown, in order. */
const sent = () =>
  webhook.posts.flatMap((body) => {
    const { alerts = [] } = JSON.parse(body) as { alerts?: { status: string; labels: Record<string, string> }[] };
    return alerts.filter(({ labels }) => labels.alertname === 'RedisDown').map(({ status }) => status);
  });

let minute = Math.floor(Date.now() / MINUTE) - 60;
/** One tick of the timers that watch. */
async function watch(): Promise<void> {
  minute += 1;
  const at = new Date(minute * MINUTE);
  await app.collectMetrics(at);
  await app.evaluateAlerts(at);
  await deliver(settings.ALERT_QUEUE, (message) => app.notifyAlerts(message));
}

test('over a failover jobs pause and resume, the alert fires and resolves, and a pending delete is sent', async () => {
  await sentinelsAtRest(set);
  await web.cache.set('user:profile:doomed', { name: 'old' });
  await web.cache.writeBehind('user:profile:before', { name: 'before' });
  expect(await flushWrites()).toEqual([]);
  await app.planRefreshes(new Date());
  await app.planSweep(new Date(minute * MINUTE));
  await watch();
  expect(sent()).toEqual([]);
  await until(
    'every server has the entry that will be deleted',
    async () => (await copies('user:profile:doomed')) === 3,
  );

  // The sentinels act when they are let: an outage that lasts as long as the test wants it to.
  await noticeAfter(3_600_000);
  const dead = await set.primary();
  const primary = await primaryOf(set);
  await primary.kill('SIGKILL');
  expect(await sweepShard()).toEqual([]);
  expect(await sweeps()).toContain('running');
  await expect(app.planRefreshes(new Date())).rejects.toMatchObject({ code: 'E_REDIS_UNAVAILABLE' });
  await expect(web.cache.delete('user:profile:doomed')).rejects.toMatchObject({
    code: expect.stringMatching(/^E_(REDIS_UNAVAILABLE|DEADLINE)$/),
  });
  await web.cache.writeBehind('user:profile:during', { name: 'during' });
  await flushWrites();
  for (let ticks = 0; ticks < 4; ticks += 1) await watch();
  expect(sent()).toContain('firing');
  expect(sent()).not.toContain('resolved');

  await noticeAfter(5_000);
  await until('another primary is named', async () => (await set.primary()) !== dead);
  await web.redis.ready(20_000);
  await app.planRefreshes(new Date());
  await until('the sweeps go on to their end', async () => {
    await sweepShard();
    return !(await sweeps()).includes('running');
  });
  await until('the writes are saved', async () => {
    await flushWrites();
    return store.rows.has('user:profile:during');
  });
  expect([...store.rows.keys()].sort()).toEqual(['user:profile:before', 'user:profile:during']);
  for (let ticks = 0; ticks < 10 && !sent().includes('resolved'); ticks += 1) await watch();
  expect(sent().at(-1)).toBe('resolved');

  await until('the pending delete is sent', async () => (await copies('user:profile:doomed')) === 0);
}, 120_000);
