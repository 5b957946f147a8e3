import { type RunningAzurite, type RunningRedis, startAzurite, startRedis } from '../../local/servers';
import { decodeEntry, type Entry } from '../../src/cache/entry';
import { type Client, createClient } from '../../src/client';
import { defineEntity, type RefreshAheadOptions } from '../../src/entities/define-entity';
import { physicalKey } from '../../src/entities/key';
import { silentLogger } from '../../src/logger';
import { createRefresher, createRefreshPlanner } from '../../src/refresh-ahead';
import { readSettings } from '../../src/settings';

let redis: RunningRedis;
let azurite: RunningAzurite;
const open: Client[] = [];

beforeAll(async () => {
  [redis, azurite] = await Promise.all([startRedis(), startAzurite()]);
});
afterAll(async () => {
  await Promise.all(open.map((client) => client.close()));
  await Promise.all([redis.stop(), azurite.stop()]);
});

const seconds = (count: number) => new Promise<void>((resolve) => setTimeout(resolve, count * 1_000));

/** A source that counts its loads and gives their number. */
function source(name: string, ttlSeconds: number, refreshAhead: RefreshAheadOptions) {
  const made = {
    loads: 0,
    before: async (): Promise<unknown> => undefined,
    key: `${name}:1`,
    entity: defineEntity<number>({
      ...{ name, ttlSeconds, jitter: 0, refreshAhead },
      load: async () => {
        await made.before();
        return ++made.loads;
      },
    }),
  };
  return made;
}

/** A web app and the two jobs. */
function rig(sources: readonly ReturnType<typeof source>[], queueLatencySeconds: number) {
  const settings = readSettings({
    ...{ REDIS_URL: redis.url, AzureWebJobsStorage: azurite.connectionString },
    ...{ REFRESH_QUEUE_LATENCY_SECONDS: String(queueLatencySeconds), REDIS_DEADLINE_MS: '20000' },
  });
  const entities = sources.map(({ entity }) => entity);
  const make = () => {
    const client = createClient({ settings, entities, logger: silentLogger });
    open.push(client);
    return client;
  };
  const [web, jobs] = [make(), make()];
  const planner = createRefreshPlanner(jobs);
  const refresher = createRefresher(jobs);
  return {
    web,
    plan: () => planner.plan(new Date()),
    async deliver() {
      const queue = await jobs.storage.queue(settings.REFRESH_AHEAD_QUEUE);
      const { receivedMessageItems } = await queue.receiveMessages({ numberOfMessages: 32 });
      const figures: Record<string, number> = {};
      for (const { messageText, messageId, popReceipt } of receivedMessageItems) {
        const report = await refresher.refresh(JSON.parse(Buffer.from(messageText, 'base64').toString()));
        for (const [name, by] of Object.entries(report.figures)) figures[name] = (figures[name] ?? 0) + by;
        await queue.deleteMessage(messageId, popReceipt);
      }
      return figures;
    },
  };
}

it('renews what was read past its refresh point under the fence, and keeps the value of a failing source', async () => {
  const [renewed, written, failing, unread] = ['a', 'b', 'c', 'd'].map((name) =>
    source(`page:${name}`, 600, { fraction: 0.002 }),
  ) as [ReturnType<typeof source>, ReturnType<typeof source>, ReturnType<typeof source>, ReturnType<typeof source>];
  const { web, plan, deliver } = rig([renewed, written, failing, unread], 1);
  const expiryOf = async (key: string) =>
    (decodeEntry((await web.redis.client('cache').get(physicalKey(key))) as string) as Entry).expiresMs;
  for (const { key } of [renewed, written, failing, unread]) expect(await web.cache.get(key)).toBe(1);
  await seconds(2.2);
  const expiry = await expiryOf(renewed.key);
  for (const { key } of [renewed, written, failing]) expect(await web.cache.get(key)).toBe(1);
  await web.demand.flush();
  expect((await plan()).figures.queued).toBe(3);

  written.before = () => web.cache.set(written.key, 99);
  failing.before = () => Promise.reject(new Error('the source is down'));
  expect(await deliver()).toMatchObject({ refreshed: 1, superseded: 1, failed: 1 });
  expect(await web.cache.get(renewed.key)).toBe(2);
  expect(renewed.loads).toBe(2);
  expect(await expiryOf(renewed.key)).toBeGreaterThan(expiry);
  expect(await web.cache.get(written.key)).toBe(99);
  expect(await web.cache.get(failing.key)).toBe(1);
  expect(unread.loads).toBe(1);
});

it('refreshes a short-lived entry in the process that reads it, and no reader waits for it', async () => {
  const short = source('page:short', 60, { fraction: 0.01 });
  const { web } = rig([short], 90);
  expect(await web.cache.get(short.key)).toBe(1);
  let asked = 0;
  let answer = () => {};
  const answered = new Promise<void>((resolve) => {
    answer = resolve;
  });
  short.before = async () => {
    asked++;
    await answered;
  };
  for (; asked === 0; await seconds(0.02)) expect(await web.cache.get(short.key)).toBe(1);
  // The source is asked and does not answer: who waited for it would wait for ever.
  for (let reads = 0; reads < 100; reads++) expect(await web.cache.get(short.key)).toBe(1);
  expect(asked).toBe(1);
  answer();
  while ((await web.cache.get(short.key)) === 1) await seconds(0.02);
});
