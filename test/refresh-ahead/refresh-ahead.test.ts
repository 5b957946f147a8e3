import { randomUUID } from 'node:crypto';
import { type RunningAzurite, type RunningRedis, startAzurite, startRedis } from '../../local/servers';
import type { RefreshOutcome } from '../../src/cache/types';
import { type Clock, systemClock } from '../../src/clock';
import { defineEntity, type Entity, type ReadEntity } from '../../src/entities/define-entity';
import { entityRegistry } from '../../src/entities/registry';
import { silentLogger } from '../../src/logger';
import { createRedis, type RedisHandle } from '../../src/redis';
import { createDemand, createRefresher, createRefreshPlanner } from '../../src/refresh-ahead';
import { readSettings } from '../../src/settings';
import { storageClients } from '../../src/storage/clients';
import { countersInMemory, fakeClock } from '../write-behind/support';

let server: RunningRedis;
let azurite: RunningAzurite;
const open: RedisHandle[] = [];

beforeAll(async () => {
  [server, azurite] = await Promise.all([startRedis(), startAzurite()]);
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((redis) => redis.close()));
});
afterAll(async () => {
  await Promise.all([server.stop(), azurite.stop()]);
});

const ahead = (name: string, more: Partial<ReadEntity<unknown>> = {}): Entity =>
  defineEntity<unknown>({
    name,
    ttlSeconds: 3_600,
    refreshAhead: { fraction: 0.8 },
    loadMany: async (keys) => new Map(keys.map((key) => [key, key])),
    ...more,
  });

/** A web app's demand, the planner and the refresher over a Redis of their own, with what they asked the cache for. */
async function rig(
  entityList: readonly Entity[],
  environment: Record<string, string> = {},
  clock: Clock = systemClock,
) {
  const queueName = `refresh-${randomUUID().slice(0, 8)}`;
  const settings = readSettings({
    ...{ REDIS_URL: server.url, AzureWebJobsStorage: azurite.connectionString, REFRESH_AHEAD_QUEUE: queueName },
    REDIS_DEADLINE_MS: '20000',
    ...environment,
  });
  const redis = createRedis({ settings, logger: silentLogger, role: 'test' });
  open.push(redis);
  await redis.ready();
  await redis.client('work').flushall();
  const entities = entityRegistry(entityList);
  const storage = storageClients(settings);
  const counters = countersInMemory();
  const asked: string[][] = [];
  const cache = {
    result: (key: string): RefreshOutcome => ({ key, outcome: 'refreshed', expiresAt: Date.now() + 3_600_000 }),
    async refresh(keys: readonly string[]) {
      asked.push([...keys]);
      return keys.map((key) => cache.result(key));
    },
  };
  const ports = { redis, storage, entities, settings, counters, logger: silentLogger, clock };
  const queue = await storage.queue(queueName);
  return {
    ...{ redis, counters, asked, cache },
    demand: createDemand({ ...ports, refresh: (keys) => cache.refresh(keys) }),
    planner: createRefreshPlanner(ports),
    refresher: createRefresher({ ...ports, cache }),
    plan: () => createRefreshPlanner(ports).plan(new Date()),
    async messages(): Promise<unknown[]> {
      const { receivedMessageItems } = await queue.receiveMessages({ numberOfMessages: 32 });
      return receivedMessageItems.map(({ messageText }) => JSON.parse(Buffer.from(messageText, 'base64').toString()));
    },
  };
}

const inAnHour = () => Date.now() + 700_000;

describe('a read past the refresh point', () => {
  it('asks for one refresh, however often it is read and by whom', async () => {
    const app = await rig([ahead('page:home')]);
    for (let n = 0; n < 100; n++) app.demand.refreshNeeded('page:home:1', inAnHour());
    await app.demand.flush();
    app.demand.refreshNeeded('page:home:1', inAnHour());
    await app.demand.flush();
    expect((await app.plan()).summary).toBe('queued 1 refreshes');
    // Claimed: asking again changes nothing until the claim is done or lapses.
    app.demand.refreshNeeded('page:home:1', inAnHour());
    await app.demand.flush();
    expect((await app.plan()).figures.queued).toBe(0);
    const [message] = await app.messages();
    expect((await app.refresher.refresh(message)).summary).toMatch(/^refreshed 1 entries of page:home, \d+ s before/);
    expect(app.asked).toEqual([['page:home:1']]);
  });

  it('means nothing for an entity that is not refreshed ahead', async () => {
    const app = await rig([ahead('page:home', { refreshAhead: false })]);
    app.demand.refreshNeeded('page:home:1', inAnHour());
    app.demand.refreshNeeded('page:other:1', inAnHour());
    app.demand.read('page:other:1', inAnHour());
    await app.demand.close();
    expect((await app.plan()).summary).toBe('nothing to refresh');
  });

  it('is answered in the process where the queue would come too late', async () => {
    const app = await rig([ahead('page:home', { ttlSeconds: 5 })]);
    for (let n = 0; n < 10; n++) app.demand.refreshNeeded('page:home:1', Date.now() + 1_000);
    await app.demand.close();
    expect(app.asked).toEqual([['page:home:1']]);
    expect((await app.plan()).figures.queued).toBe(0);
    expect(app.counters.get('refresh_in_process', { entity: 'page:home', outcome: 'refreshed' })).toBe(1);
  });

  it('is answered by one process of all that read a short-lived entry', async () => {
    const app = await rig([ahead('page:home', { ttlSeconds: 5 })]);
    const asked: string[] = [];
    const others = Array.from({ length: 5 }, () =>
      createDemand({
        ...{ redis: app.redis, entities: entityRegistry([ahead('page:home', { ttlSeconds: 5 })]) },
        ...{ settings: readSettings({}), counters: countersInMemory(), logger: silentLogger, clock: systemClock },
        refresh: async (keys) => {
          asked.push(...keys);
          return keys.map((key) => ({ key, outcome: 'refreshed' as const }));
        },
      }),
    );
    for (const demand of others) demand.refreshNeeded('page:home:1', Date.now() + 5_000);
    await Promise.all(others.map((demand) => demand.close()));
    expect(asked).toEqual(['page:home:1']);
  });

  it('leaves a failing source alone for a while, in process', async () => {
    const clock = fakeClock();
    const app = await rig([ahead('page:home', { ttlSeconds: 5 })], {}, clock);
    app.cache.result = (key) => ({ key, outcome: 'failed' });
    const ask = (id: number) => {
      app.demand.refreshNeeded(`page:home:${id}`, clock.now() + 1_000);
      return app.demand.close();
    };
    await ask(1);
    await ask(2);
    expect(app.asked).toEqual([['page:home:1']]);
    clock.forward(2_000);
    await ask(3);
    expect(app.asked).toEqual([['page:home:1'], ['page:home:3']]);
  });
});

describe('a hot key', () => {
  it('is refreshed at its refresh point without being asked for, a cold one is not', async () => {
    const app = await rig([ahead('page:home')]);
    const pastPoint = Date.now() + 600_000;
    for (let n = 0; n < 5; n++) app.demand.read('page:home:hot', pastPoint);
    app.demand.read('page:home:cold', pastPoint);
    for (let n = 0; n < 5; n++) app.demand.read('page:home:young', Date.now() + 3_000_000);
    await app.demand.flush();
    expect((await app.plan()).figures.queued).toBe(1);
    expect(await app.messages()).toMatchObject([{ entity: 'page:home', keys: [['page:home:hot', pastPoint]] }]);
  });

  it('is refreshed once, and not again unless it was read since', async () => {
    const app = await rig([ahead('page:home')]);
    app.cache.result = (key) => ({ key, outcome: 'refreshed', expiresAt: Date.now() + 600_000 });
    app.demand.refreshNeeded('page:home:1', inAnHour());
    await app.demand.flush();
    await app.plan();
    for (const message of await app.messages()) await app.refresher.refresh(message);
    expect((await app.plan()).figures.queued).toBe(0);
    for (let n = 0; n < 5; n++) app.demand.read('page:home:1', Date.now() + 600_000);
    await app.demand.flush();
    expect(app.counters.sum('refresh_used')).toBe(1);
    expect((await app.plan()).figures.queued).toBe(1);
  });
});

describe('the planner', () => {
  it('keeps to its budget, the hottest first, and says what it left', async () => {
    const app = await rig([ahead('page:home')], { REFRESH_BUDGET_PER_MINUTE: '10' });
    for (let n = 0; n < 30; n++) {
      for (let reads = 0; reads <= n; reads++) app.demand.refreshNeeded(`page:home:${n}`, inAnHour());
    }
    await app.demand.flush();
    const report = await app.plan();
    expect(report.figures).toMatchObject({ queued: 10, shed: 20 });
    expect(report.summary).toBe('queued 10 refreshes, 20 over the budget');
    const [message] = (await app.messages()) as { keys: [string, number][] }[];
    expect(message?.keys.map(([key]) => key)).toEqual(Array.from({ length: 10 }, (_, n) => `page:home:${29 - n}`));
  });

  it('claims again what was not reported done', async () => {
    const app = await rig([ahead('page:home')], { REFRESH_VISIBILITY_SECONDS: '10' });
    app.demand.refreshNeeded('page:home:1', inAnHour());
    await app.demand.flush();
    expect((await app.plan()).figures.queued).toBe(1);
    expect((await app.plan()).figures.queued).toBe(0);
    await app.redis.client('work').zadd('work:{refresh}:claimed', 1, 'page:home:1');
    expect((await app.plan()).figures.queued).toBe(1);
  });

  it('remembers no more keys than it may, and forgets the coldest', async () => {
    const app = await rig([ahead('page:home')], { REFRESH_MAX_KEYS: '50' });
    for (let n = 0; n < 120; n++) {
      for (let reads = 0; reads < (n < 40 ? 3 : 1); reads++) app.demand.refreshNeeded(`page:home:${n}`, inAnHour());
    }
    await app.demand.flush();
    expect(await app.redis.client('work').zcard('work:{refresh}:heat')).toBe(50);
    expect((await app.plan()).figures.queued).toBeLessThanOrEqual(50);
    expect(app.counters.sum('refresh_forgotten')).toBe(70);
  });

  it('forgets what expired before its turn, and counts it as missed', async () => {
    const app = await rig([ahead('page:home')]);
    app.demand.refreshNeeded('page:home:1', inAnHour());
    await app.demand.flush();
    await app.redis.client('work').zadd('work:{refresh}:expiry', 1, 'page:home:1');
    expect((await app.plan()).figures).toMatchObject({ queued: 0, missed: 1 });
    expect(await app.redis.client('work').zcard('work:{refresh}:due')).toBe(0);
  });

  it('counts a refresh that nobody read as wasted', async () => {
    const app = await rig([ahead('page:home')]);
    await app.redis.client('work').zadd('work:{refresh}:fresh', 1, 'page:home:1');
    expect((await app.plan()).figures.wasted).toBe(1);
  });

  it('lets an entry go at the end of its whole lifetime', async () => {
    const app = await rig([ahead('page:home', { refreshAhead: { maxLifetimeSeconds: 60 } })]);
    app.demand.refreshNeeded('page:home:1', inAnHour());
    await app.demand.flush();
    await app.redis.client('work').zadd('work:{refresh}:since', Date.now() - 61_000, 'page:home:1');
    expect((await app.plan()).figures).toMatchObject({ queued: 0, capped: 1 });
  });

  it('forgets within minutes what is not read', async () => {
    const app = await rig([ahead('page:home')]);
    for (let n = 0; n < 5; n++) app.demand.read('page:home:1', Date.now() + 3_000_000);
    await app.demand.flush();
    for (let minute = 0; minute < 15; minute++) await app.plan();
    expect(await app.redis.client('work').zcard('work:{refresh}:heat')).toBe(0);
  });
});

describe('the refresher', () => {
  const message = (entity: string, count: number) => ({
    ...{ format: 1, entity },
    keys: Array.from({ length: count }, (_, n) => [`${entity}:${n}`, Date.now() + 60_000]),
  });

  it('loads in one call where the entity can, else some at once and never more than it may', async () => {
    const load = async (key: string) => key;
    const app = await rig([
      ahead('page:bulk'),
      defineEntity({ name: 'page:single', load, refreshAhead: { concurrency: 3 } }),
    ]);
    await app.refresher.refresh(message('page:bulk', 20));
    expect(app.asked).toHaveLength(1);
    let running = 0;
    let most = 0;
    const refresh = app.cache.refresh;
    app.cache.refresh = async (keys) => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setImmediate(resolve));
      running--;
      return refresh(keys);
    };
    expect((await app.refresher.refresh(message('page:single', 20))).figures.refreshed).toBe(20);
    expect(most).toBe(3);
    expect(app.asked).toHaveLength(21);
  });

  it('opens the breaker of a failing source, for the planner too, and lets it close again', async () => {
    const load = async (key: string) => key;
    const app = await rig([
      defineEntity({ name: 'page:single', load, refreshAhead: { concurrency: 1 } }),
      ahead('page:home'),
    ]);
    app.cache.result = (key) => ({ key, outcome: 'failed' });
    expect((await app.refresher.refresh(message('page:single', 20))).figures.failed).toBe(5);
    expect((await app.refresher.refresh(message('page:single', 20))).summary).toContain('keeps failing');
    app.demand.refreshNeeded('page:single:1', inAnHour());
    app.demand.refreshNeeded('page:home:1', inAnHour());
    await app.demand.flush();
    expect((await app.plan()).figures).toMatchObject({ queued: 1, breakersOpen: 1 });

    await app.redis.client('work').hset('work:{refresh}:breakers', 'page:single', '5:1');
    app.cache.result = (key) => ({ key, outcome: 'refreshed' });
    expect((await app.refresher.refresh(message('page:single', 3))).figures.refreshed).toBe(3);
    expect(await app.redis.client('work').hlen('work:{refresh}:breakers')).toBe(0);
  });

  it('leaves alone what has expired since it was claimed', async () => {
    const app = await rig([ahead('page:home')]);
    const late = { format: 1, entity: 'page:home', keys: [['page:home:1', Date.now() - 1]] };
    expect((await app.refresher.refresh(late)).figures).toMatchObject({ refreshed: 0, expired: 1 });
    expect(app.asked).toEqual([]);
  });

  it.each([
    ['text', 'hello'],
    ['null', null],
    ['a newer format', { format: 2, entity: 'page:home', keys: [] }],
    ['keys of another entity', { format: 1, entity: 'page:home', keys: [['page:other:1', 1]] }],
    ['keys without a time', { format: 1, entity: 'page:home', keys: [['page:home:1']] }],
  ])('drops %s and counts it', async (_, bad) => {
    const app = await rig([ahead('page:home')]);
    expect((await app.refresher.refresh(bad)).figures.dropped).toBe(1);
    expect(app.counters.get('refresh_dropped', { why: 'undecodable' })).toBe(1);
  });

  it('skips an entity this deployment does not know', async () => {
    const app = await rig([ahead('page:home')]);
    expect((await app.refresher.refresh(message('page:gone', 2))).summary).toContain(
      'not refreshed by this deployment',
    );
  });
});

it('never throws where Redis is away', async () => {
  const settings = readSettings({ REDIS_URL: 'redis://127.0.0.1:1' });
  const redis = createRedis({ settings, logger: silentLogger, role: 'test' });
  open.push(redis);
  const entities = entityRegistry([ahead('page:home'), ahead('page:short', { ttlSeconds: 5 })]);
  const ports = { settings, counters: countersInMemory(), logger: silentLogger, clock: systemClock };
  const demand = createDemand({ ...ports, redis, entities, refresh: async () => [] });
  demand.read('page:home:1', inAnHour());
  demand.refreshNeeded('page:home:1', inAnHour());
  demand.refreshNeeded('page:short:1', Date.now() + 500);
  await expect(demand.close()).resolves.toBeUndefined();
});
