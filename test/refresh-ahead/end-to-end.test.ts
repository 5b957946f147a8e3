import { Redis } from 'ioredis';
import { type RunningAzurite, type RunningRedis, startAzurite, startRedis } from '../../local/servers';
import { decodeEntry, type Entry } from '../../src/cache/entry/entry-format';
import { type Client, createClient } from '../../src/client';
import { defineEntity, type RefreshAheadOptions } from '../../src/entities/define-entity';
import { companionKey, physicalKey } from '../../src/entities/key';
import { silentLogger } from '../../src/logger';
import { createRefresher, createRefreshPlanner } from '../../src/refresh-ahead';
import { readSettings } from '../../src/settings';
import { deferred } from '../cache/rig';

let redis: RunningRedis;
let admin: Redis;
let azurite: RunningAzurite;
const open: Client[] = [];

beforeAll(async () => {
  [redis, azurite] = await Promise.all([startRedis(), startAzurite()]);
  admin = new Redis(redis.adminUrl);
});
// What a client has not reported yet it would report in the next test.
afterEach(async () => {
  await Promise.all(open.splice(0).map((client) => client.close()));
});
afterAll(async () => {
  admin.disconnect();
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

/** A web app and the two jobs, on an empty Redis. */
async function rig(sources: readonly ReturnType<typeof source>[], queueLatencySeconds: number) {
  const settingsOf = (REDIS_URL: string) =>
    readSettings({
      ...{ REDIS_URL, AzureWebJobsStorage: azurite.connectionString },
      ...{ REFRESH_QUEUE_LATENCY_SECONDS: String(queueLatencySeconds), REDIS_DEADLINE_MS: '20000' },
      // `createdAt` is then the time of the load itself, and an entry's life is all of its TTL.
      CACHE_SKEW_MARGIN_MS: '0',
    });
  const entities = sources.map(({ entity }) => entity);
  const settings = settingsOf(redis.appUrl);
  const make = (url = redis.webUrl) => {
    const client = createClient({ settings: settingsOf(url), entities, logger: silentLogger });
    open.push(client);
    return client;
  };
  const [web, jobs] = [make(), make(redis.appUrl)];
  const nothing = async (): Promise<unknown> => undefined;
  await jobs.redis.ready();
  await admin.flushall();
  const planner = createRefreshPlanner(jobs);
  const refresher = createRefresher(jobs);
  return {
    ...{ web, make },
    plan: () => planner.plan(new Date()),
    loseMarker: (key: string) => jobs.redis.client('cache').del(companionKey(key, 'refresh')),
    async deliver({ times = 1, between = nothing } = {}) {
      const queue = await jobs.storage.queue(settings.REFRESH_AHEAD_QUEUE);
      const { receivedMessageItems } = await queue.receiveMessages({ numberOfMessages: 32 });
      const figures: Record<string, number> = {};
      for (const { messageText, messageId, popReceipt } of receivedMessageItems) {
        const message: unknown = JSON.parse(Buffer.from(messageText, 'base64').toString());
        for (let time = 0; time < times; time++) {
          const report = await refresher.refresh(message);
          for (const [name, by] of Object.entries(report.figures)) figures[name] = (figures[name] ?? 0) + by;
          await between();
        }
        await queue.deleteMessage(messageId, popReceipt);
      }
      return figures;
    },
  };
}

type Made = ReturnType<typeof source>;

/** Reads until the refresh point must have passed. */
async function untilAsked({ web }: Awaited<ReturnType<typeof rig>>, ...sources: readonly Made[]): Promise<void> {
  for (const { key } of sources) expect(await web.cache.get(key)).toBe(1);
  await seconds(1.3);
  for (const { key } of sources) expect(await web.cache.get(key)).toBe(1);
  await web.demand.flush();
}

it('renews what was read past its refresh point under the fence, and keeps the value of a failing source', async () => {
  const made = ['a', 'b', 'c', 'd', 'e'].map((name) => source(`page:${name}`, 600, { fraction: 0.002 }));
  const [renewed, written, rewritten, failing, unread] = made as [Made, Made, Made, Made, Made];
  const app = await rig(made, 1);
  const { web, plan, deliver } = app;
  await web.cache.get(unread.key);
  await untilAsked(app, renewed, written, rewritten, failing);
  const expiryOf = async (key: string) =>
    (decodeEntry((await web.redis.client('cache').get(physicalKey(key))) as string) as Entry).expiresMs;
  const expiry = await expiryOf(renewed.key);
  expect((await plan()).figures.queued).toBe(4);

  await web.cache.set(rewritten.key, 98);
  written.before = () => web.cache.set(written.key, 99);
  failing.before = () => Promise.reject(new Error('the source is down'));
  expect(await deliver()).toMatchObject({ refreshed: 1, superseded: 2, failed: 1 });
  expect(await web.cache.get(renewed.key)).toBe(2);
  expect(renewed.loads).toBe(2);
  expect(await expiryOf(renewed.key)).toBeGreaterThan(expiry);
  expect(await web.cache.get(written.key)).toBe(99);
  // Written before the refresh began: there was nothing left to refresh.
  expect(await web.cache.get(rewritten.key)).toBe(98);
  expect(rewritten.loads).toBe(1);
  expect(await web.cache.get(failing.key)).toBe(1);
  expect(unread.loads).toBe(1);
});

it('loads once when a message is delivered twice, its marker evicted in between', async () => {
  const one = source('page:twice', 600, { fraction: 0.002 });
  const app = await rig([one], 1);
  await untilAsked(app, one);
  expect((await app.plan()).figures.queued).toBe(1);
  expect(await app.deliver({ times: 2, between: () => app.loseMarker(one.key) })).toMatchObject({
    ...{ refreshed: 1, superseded: 1 },
  });
  expect(one.loads).toBe(2);
});

it('is not refreshed again for readers who have not seen the new entry, until that is due itself', async () => {
  const one = source('page:again', 600, { fraction: 0.002 });
  const app = await rig([one], 1);
  const other = app.make();
  await untilAsked(app, one);
  expect(await other.cache.get(one.key)).toBe(1);
  expect((await app.plan()).figures.queued).toBe(1);
  expect(await app.deliver()).toMatchObject({ refreshed: 1 });
  await other.demand.flush();
  expect((await app.plan()).figures.queued).toBe(0);
  expect(one.loads).toBe(2);
});

describe('a short-lived entry', () => {
  /** Two web apps, and a source that answers its second load on demand. */
  async function gated(name: string) {
    const slow = source(name, 60, { fraction: 0.02 });
    const app = await rig([slow], 90);
    expect(await app.web.cache.get(slow.key)).toBe(1);
    const begun = deferred<void>();
    const gate = deferred<void>();
    slow.before = () => {
      begun.resolve();
      return gate.promise;
    };
    await seconds(1.3);
    return { ...app, slow, begun, gate };
  }

  it('is refreshed in the process that reads it, and no reader waits', async () => {
    const { web, slow, begun, gate } = await gated('page:short');
    // The source does not answer: whoever waited for it would wait here for ever.
    expect(await web.cache.get(slow.key)).toBe(1);
    await begun.promise;
    for (let n = 0; n < 100; n++) expect(await web.cache.get(slow.key)).toBe(1);
    gate.resolve();
    await web.demand.close();
    expect(await web.cache.get(slow.key)).toBe(2);
    expect(slow.loads).toBe(2);
  });

  it('is loaded by one process, also when its marker is evicted meanwhile', async () => {
    const { web, make, slow, begun, gate, loseMarker } = await gated('page:evicted');
    const other = make();
    expect(await web.cache.get(slow.key)).toBe(1);
    await begun.promise;
    await loseMarker(slow.key);
    expect(await other.cache.get(slow.key)).toBe(1);
    await other.demand.close();
    gate.resolve();
    await web.demand.close();
    expect(await other.cache.get(slow.key)).toBe(2);
    expect(slow.loads).toBe(2);
  });
});
