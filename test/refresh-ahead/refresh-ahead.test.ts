import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { type RunningAzurite, type RunningRedis, startAzurite, startRedis } from '../../local/servers';
import type { Cache, RefreshOptions, RefreshOutcome } from '../../src/cache/types';
import { systemClock } from '../../src/clock';
import { defineEntity, type Entity, type ReadEntity } from '../../src/entities/define-entity';
import { companionKey } from '../../src/entities/key';
import { entityRegistry } from '../../src/entities/registry';
import { silentLogger } from '../../src/logger';
import { createRedis, type RedisHandle } from '../../src/redis';
import { createDemand, createRefresher, createRefreshPlanner } from '../../src/refresh-ahead';
import type { DemandOptions } from '../../src/refresh-ahead/demand';
import { readSettings } from '../../src/settings';
import { storageClients } from '../../src/storage/clients';
import { countersInMemory } from '../write-behind/support';

let server: RunningRedis;
let admin: Redis;
let azurite: RunningAzurite;
const open: RedisHandle[] = [];

beforeAll(async () => {
  [server, azurite] = await Promise.all([startRedis(), startAzurite()]);
  admin = new Redis(server.adminUrl);
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((redis) => redis.close()));
});
afterAll(async () => {
  admin.disconnect();
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

/** A demand whose cache refreshes by `refresh`. */
function demandOf(options: DemandOptions, refresh: Cache['refresh']) {
  const demand = createDemand(options);
  const refreshNeeded = (key: string, expiresAt: number) => demand.refreshNeeded(key, expiresAt, refresh);
  return { ...demand, refreshNeeded };
}

/** A web app's demand, the planner and the refresher over a Redis of their own, with what they asked the cache for. */
async function rig(entityList: readonly Entity[], environment: Record<string, string> = {}) {
  const queueName = `refresh-${randomUUID().slice(0, 8)}`;
  const settings = readSettings({
    ...{ REDIS_URL: server.appUrl, AzureWebJobsStorage: azurite.connectionString, REFRESH_AHEAD_QUEUE: queueName },
    REDIS_DEADLINE_MS: '20000',
    ...environment,
  });
  const redis = createRedis({ settings, logger: silentLogger, role: 'test' });
  open.push(redis);
  await redis.ready();
  await admin.flushall();
  const entities = entityRegistry(entityList);
  const storage = storageClients(settings);
  const counters = countersInMemory();
  const asked: string[][] = [];
  const replaced: (ReadonlyMap<string, number> | undefined)[] = [];
  const cache = {
    result: (key: string): RefreshOutcome => ({ key, outcome: 'refreshed', expiresAt: Date.now() + 3_600_000 }),
    async refresh(keys: readonly string[], { replaces }: RefreshOptions = {}) {
      asked.push([...keys]);
      replaced.push(replaces);
      return keys.map((key) => cache.result(key));
    },
  };
  const ports = { redis, storage, entities, settings, counters, logger: silentLogger, clock: systemClock };
  const queue = await storage.queue(queueName);
  return {
    ...{ redis, counters, asked, replaced, cache },
    demand: demandOf(ports, cache.refresh),
    /** Of another web process. */
    other: () => demandOf(ports, cache.refresh),
    planner: createRefreshPlanner(ports),
    refresher: createRefresher({ ...ports, cache }),
    plan: () => createRefreshPlanner(ports).plan(new Date()),
    async messages(): Promise<unknown[]> {
      const { receivedMessageItems } = await queue.receiveMessages({ numberOfMessages: 32 });
      return receivedMessageItems.map(({ messageText }) => JSON.parse(Buffer.from(messageText, 'base64').toString()));
    },
  };
}

const later = () => Date.now() + 700_000;
/** A read before the refresh point, which has just passed by the time the planner looks. */
const DUE_AT_ONCE = 1;

describe('a read past the refresh point', () => {
  it('asks for one refresh, however often it is read and by whom', async () => {
    const app = await rig([ahead('page:home')]);
    const end = later();
    for (let n = 0; n < 100; n++) app.demand.refreshNeeded('page:home:1', end);
    await app.demand.flush();
    app.demand.refreshNeeded('page:home:1', end);
    await app.demand.flush();
    expect((await app.plan()).summary).toBe('queued 1 refresh');
    // Claimed: asking again changes nothing until the claim is done or lapses.
    app.demand.refreshNeeded('page:home:1', end);
    await app.demand.flush();
    expect((await app.plan()).figures.queued).toBe(0);
    const [message] = await app.messages();
    expect((await app.refresher.refresh(message)).summary).toMatch(/^refreshed 1 entry of page:home, \d+ s before/);
    expect(app.asked).toEqual([['page:home:1']]);
  });

  it('means nothing for an entity that is not refreshed ahead', async () => {
    const app = await rig([ahead('page:home', { refreshAhead: false })]);
    app.demand.refreshNeeded('page:home:1', later());
    app.demand.refreshNeeded('page:other:1', later());
    app.demand.read('page:other:1', DUE_AT_ONCE, later());
    await app.demand.close();
    expect((await app.plan()).summary).toBe('nothing to refresh');
  });

  it('is answered in the process where the queue would come too late', async () => {
    const app = await rig([ahead('page:home', { ttlSeconds: 5 })]);
    const end = Date.now() + 60_000;
    for (let n = 0; n < 10; n++) app.demand.refreshNeeded('page:home:1', end);
    await app.demand.close();
    expect(app.asked).toEqual([['page:home:1']]);
    expect((await app.plan()).figures.queued).toBe(0);
    const labels = { entity: 'page:home', way: 'process' };
    expect(app.counters.get('refresh_done', { ...labels, outcome: 'refreshed' })).toBe(1);
    expect(app.counters.get('refresh_lead_ms', labels)).toBeGreaterThan(0);
  });
});

describe('a short-lived entry', () => {
  const short = (more: Partial<ReadEntity<unknown>> = {}) => ahead('page:home', { ttlSeconds: 5, ...more });

  it('is refreshed by one process of all that read it', async () => {
    const app = await rig([short()]);
    const processes = Array.from({ length: 5 }, app.other);
    const end = Date.now() + 5_000;
    for (const demand of processes) demand.refreshNeeded('page:home:1', end);
    await Promise.all(processes.map((demand) => demand.close()));
    expect(app.asked).toEqual([['page:home:1']]);
  });

  it('is replaced only if it is still the entry that was read', async () => {
    const app = await rig([short()]);
    const end = Date.now() + 4_000;
    app.demand.refreshNeeded('page:home:1', end);
    await app.demand.close();
    expect(app.replaced).toEqual([new Map([['page:home:1', end]])]);
  });

  it('is asked for once by a process that reads it often, and again when it is a new one', async () => {
    const app = await rig([short()]);
    const end = Date.now() + 1_000;
    app.cache.result = (key) => ({ key, outcome: 'refreshed', expiresAt: end + 2_000 });
    for (const expiresAt of [end, end, end + 2_000, end, end + 2_000]) {
      app.demand.refreshNeeded('page:home:1', expiresAt);
      await app.demand.close();
    }
    expect(app.asked).toEqual([['page:home:1'], ['page:home:1']]);
  });

  it('is left to expire when its source keeps failing, whichever process saw it fail', async () => {
    const app = await rig([short()]);
    app.cache.result = (key) => ({ key, outcome: 'failed' });
    const processes = Array.from({ length: 5 }, app.other);
    for (const [n, demand] of processes.entries()) {
      demand.refreshNeeded(`page:home:${n}`, Date.now() + 60_000);
      await demand.close();
    }
    const last = processes[4] as ReturnType<typeof app.other>;
    last.refreshNeeded('page:home:5', Date.now() + 60_000);
    await last.close();
    expect(app.asked.flat()).toEqual(Array.from({ length: 5 }, (_, n) => `page:home:${n}`));
    expect((await app.plan()).figures.breakersOpen).toBe(1);

    await app.redis.client('work').del('work:{refresh}:breakers');
    app.cache.result = (key) => ({ key, outcome: 'refreshed', expiresAt: Date.now() + 60_000 });
    const [first] = processes as [ReturnType<typeof app.other>];
    first.refreshNeeded('page:home:6', Date.now() + 60_000);
    await first.close();
    expect((await app.plan()).figures.breakersOpen).toBe(0);
  });

  it('is let go at the end of its whole lifetime', async () => {
    const app = await rig([short({ refreshAhead: { maxLifetimeSeconds: 60 } })]);
    await app.redis.client('cache').set(companionKey('page:home:1', 'refresh'), `${Date.now() - 61_000}:1:1`);
    app.demand.refreshNeeded('page:home:1', Date.now() + 1_000);
    await app.demand.close();
    expect(app.asked).toEqual([]);
    expect(app.counters.sum('refresh_capped')).toBe(1);
  });

  it('counts a refresh as used by the first read of what it stored, else as wasted', async () => {
    const app = await rig([short()]);
    const end = Date.now() + 60_000;
    const expiresAt = { 'page:home:read': end + 60_000, 'page:home:unread': 1 } as Record<string, number>;
    app.cache.result = (key) => ({ key, outcome: 'refreshed', expiresAt: expiresAt[key] ?? 0 });
    for (const key of Object.keys(expiresAt)) app.demand.refreshNeeded(key, end);
    await app.demand.close();
    app.demand.read('page:home:read', end - 1_000, end);
    expect(app.counters.sum('refresh_used')).toBe(0);
    for (let n = 0; n < 3; n++) app.demand.read('page:home:read', end, end + 60_000);
    expect(app.counters.sum('refresh_used')).toBe(1);
    expect(app.counters.sum('refresh_wasted')).toBe(1);
  });

  it('counts as a miss at expiry when its refresh came too late', async () => {
    const app = await rig([short()]);
    app.demand.refreshNeeded('page:home:1', Date.now() - 1);
    await app.demand.close();
    expect(app.asked).toHaveLength(1);
    expect(app.counters.sum('refresh_missed')).toBe(1);
  });
});

describe('an entry that was read before its refresh point', () => {
  it('is refreshed at that point without being asked for where it is hot', async () => {
    const app = await rig([ahead('page:home')]);
    const end = later();
    for (let n = 0; n < 5; n++) app.demand.read('page:home:hot', DUE_AT_ONCE, end);
    app.demand.read('page:home:cold', DUE_AT_ONCE, end);
    for (let n = 0; n < 5; n++) app.demand.read('page:home:young', end - 100_000, end);
    await app.demand.flush();
    expect((await app.plan()).figures.queued).toBe(1);
    expect(await app.messages()).toMatchObject([{ entity: 'page:home', keys: [['page:home:hot', end]] }]);
  });

  it('is hot when two processes read it, and not when its reads are long ago', async () => {
    const app = await rig([ahead('page:home')]);
    const end = later();
    const tell = async (key: string) => {
      const demand = app.other();
      demand.read(key, DUE_AT_ONCE, end);
      await demand.close();
    };
    await tell('page:home:hot');
    await tell('page:home:cooled');
    // As though it had been read ten minutes ago.
    await app.redis.client('work').zadd('work:{refresh}:heat', Date.now() - 600_000, 'page:home:cooled');
    await tell('page:home:hot');
    await tell('page:home:cooled');
    expect((await app.plan()).figures.queued).toBe(1);
    expect(await app.messages()).toMatchObject([{ keys: [['page:home:hot', end]] }]);
  });

  it('is refreshed once, and not again unless it was read since', async () => {
    const app = await rig([ahead('page:home')]);
    const end = later();
    app.cache.result = (key) => ({ key, outcome: 'refreshed', expiresAt: end + 600_000 });
    app.demand.refreshNeeded('page:home:1', end);
    await app.demand.flush();
    await app.plan();
    for (const message of await app.messages()) await app.refresher.refresh(message);
    expect((await app.plan()).figures.queued).toBe(0);
    for (let n = 0; n < 5; n++) app.demand.read('page:home:1', DUE_AT_ONCE, end + 600_000);
    await app.demand.flush();
    expect(app.counters.sum('refresh_used')).toBe(1);
    expect((await app.plan()).figures.queued).toBe(1);
  });
});

describe('a read of an entry that was replaced since', () => {
  it('asks for nothing, and is no use of the refresh', async () => {
    const app = await rig([ahead('page:home')]);
    const end = later();
    app.cache.result = (key) => ({ key, outcome: 'refreshed', expiresAt: end + 2_400_000 });
    app.demand.refreshNeeded('page:home:1', end);
    await app.demand.flush();
    await app.plan();
    for (const message of await app.messages()) await app.refresher.refresh(message);
    // Another process read it before the refresh, and tells so after it.
    const other = app.other();
    other.refreshNeeded('page:home:1', end);
    await other.flush();
    for (let n = 0; n < 5; n++) other.read('page:home:1', DUE_AT_ONCE, end);
    await other.flush();
    expect((await app.plan()).figures.queued).toBe(0);
    expect(app.counters.sum('refresh_used')).toBe(0);
  });

  it('is forgotten when the new entry is read: what was due is not any more', async () => {
    const app = await rig([ahead('page:home')]);
    const end = later();
    app.demand.refreshNeeded('page:home:1', end);
    await app.demand.flush();
    app.demand.read('page:home:1', end + 3_000_000, end + 3_600_000);
    await app.demand.flush();
    expect((await app.plan()).figures).toMatchObject({ queued: 0, missed: 0 });
  });
});

describe('the planner', () => {
  it('keeps to its budget, the hottest first, and says what it left', async () => {
    const app = await rig([ahead('page:home')], { REFRESH_BUDGET_PER_MINUTE: '10' });
    const end = later();
    for (let n = 0; n < 30; n++) {
      for (let reads = 0; reads <= n; reads++) app.demand.refreshNeeded(`page:home:${n}`, end);
    }
    await app.demand.flush();
    const report = await app.plan();
    expect(report.figures).toMatchObject({ queued: 10, shed: 20 });
    expect(report.summary).toBe('queued 10 refreshes, 20 over the budget');
    const [message] = (await app.messages()) as { keys: [string, number][] }[];
    expect(message?.keys.map(([key]) => key)).toEqual(Array.from({ length: 10 }, (_, n) => `page:home:${29 - n}`));
  });

  it('keeps to its budget however often it runs in a minute', async () => {
    const twice = async (): Promise<number> => {
      const app = await rig([ahead('page:home')], { REFRESH_BUDGET_PER_MINUTE: '10' });
      const minute = async () => Math.floor(Number((await app.redis.client('work').time())[0]) / 60);
      for (let n = 0; n < 30; n++) app.demand.refreshNeeded(`page:home:${n}`, later());
      await app.demand.flush();
      const before = await minute();
      const reports = await Promise.all([app.plan(), app.plan()]);
      const queued = reports.reduce((sum, { figures }) => sum + (figures.queued ?? 0), 0);
      return (await minute()) === before ? queued : twice();
    };
    expect(await twice()).toBe(10);
  });

  it('queues no key twice when it runs twice at once', async () => {
    const app = await rig([ahead('page:home')]);
    for (let n = 0; n < 400; n++) app.demand.refreshNeeded(`page:home:${n}`, later());
    await app.demand.flush();
    await Promise.all([app.plan(), app.plan()]);
    const keys = ((await app.messages()) as { keys: [string, number][] }[]).flatMap((message) => message.keys);
    expect(keys).toHaveLength(400);
    expect(new Set(keys.map(([key]) => key)).size).toBe(400);
  });

  it('claims again what was not reported done', async () => {
    const app = await rig([ahead('page:home')], { REFRESH_VISIBILITY_SECONDS: '10' });
    app.demand.refreshNeeded('page:home:1', later());
    await app.demand.flush();
    expect((await app.plan()).figures.queued).toBe(1);
    expect((await app.plan()).figures.queued).toBe(0);
    await app.redis.client('work').zadd('work:{refresh}:claimed', 1, 'page:home:1');
    expect((await app.plan()).figures.queued).toBe(1);
  });

  it('remembers no more keys than it may, of anything, and forgets the coldest', async () => {
    const app = await rig([ahead('page:home')], { REFRESH_MAX_KEYS: '50' });
    const end = later();
    for (let n = 0; n < 120; n++) {
      for (let reads = 0; reads < (n < 40 ? 3 : 1); reads++) app.demand.refreshNeeded(`page:home:${n}`, end);
    }
    await app.demand.flush();
    const work = app.redis.client('work');
    const sizes = ['later', 'due', 'claimed', 'ends', 'heat', 'fresh'].map((set) =>
      work.zcard(`work:{refresh}:${set}`),
    );
    expect(await Promise.all(sizes)).toEqual([0, 50, 0, 50, 50, 0]);
    expect(app.counters.sum('refresh_forgotten')).toBe(70);
    expect((await app.plan()).figures.queued).toBe(50);
    const kept = ((await app.messages()) as { keys: [string, number][] }[]).flatMap(({ keys }) =>
      keys.map(([key]) => key),
    );
    expect(kept).toEqual(expect.arrayContaining(Array.from({ length: 40 }, (_, n) => `page:home:${n}`)));
  });

  it('forgets what expired before its turn, claimed or not, and counts it as missed', async () => {
    const app = await rig([ahead('page:home')]);
    const work = app.redis.client('work');
    app.demand.refreshNeeded('page:home:claimed', later());
    await app.demand.flush();
    await app.plan();
    app.demand.refreshNeeded('page:home:due', later());
    await app.demand.flush();
    await work.zadd('work:{refresh}:ends', 1, 'page:home:claimed', 1, 'page:home:due');
    expect((await app.plan()).figures).toMatchObject({ queued: 0, missed: 2 });
    // Only how hot they were is kept, for their next entries.
    const [, keys] = await (work as Redis).scan(0, 'MATCH', 'work:{refresh}:*', 'COUNT', 1_000);
    expect(keys.sort()).toEqual(['work:{refresh}:heat', 'work:{refresh}:spent']);
  });

  it('counts a refresh that nobody read as wasted', async () => {
    const app = await rig([ahead('page:home')]);
    await app.redis.client('work').zadd('work:{refresh}:fresh', 1, 'page:home:1');
    expect((await app.plan()).figures.wasted).toBe(1);
  });

  it('is not held up by the keys of a failing source, however many and hot', async () => {
    const app = await rig([ahead('page:home'), ahead('page:broken')]);
    const end = later();
    for (let reads = 0; reads < 3; reads++) {
      for (let n = 0; n < 600; n++) app.demand.refreshNeeded(`page:broken:${n}`, end);
    }
    app.demand.refreshNeeded('page:home:1', later());
    await app.demand.flush();
    const work = app.redis.client('work');
    await work.hset('work:{refresh}:breakers', 'page:broken', `5:${Date.now() + 60_000}`);
    expect((await app.plan()).figures).toMatchObject({ queued: 1, shed: 0, breakersOpen: 1 });
    // The breaker lets them try again: as though its time had passed.
    await work.del('work:{refresh}:breakers');
    await work.zadd('work:{refresh}:later', 'XX', 1, 'page:broken:7');
    expect((await app.plan()).figures.queued).toBe(1);
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

  it('counts a failed bulk load as one failure, however many keys it was for', async () => {
    const app = await rig([ahead('page:bulk')]);
    app.cache.result = (key) => ({ key, outcome: 'failed' });
    for (let n = 1; n <= 5; n++) {
      const keys = message('page:bulk', 20).keys.map(([key, end]) => [`${key}${n}`, end]);
      await app.refresher.refresh({ format: 1, entity: 'page:bulk', keys });
      expect((await app.plan()).figures.breakersOpen).toBe(n < 5 ? 0 : 1);
    }
  });

  it('lets an entry go at the end of its whole lifetime', async () => {
    const app = await rig([ahead('page:home', { refreshAhead: { maxLifetimeSeconds: 60 } })]);
    const marker = companionKey('page:home:1', 'refresh');
    await app.redis.client('cache').set(marker, `${Date.now() - 61_000}:1:1`);
    expect((await app.refresher.refresh(message('page:home', 3))).figures).toMatchObject({ refreshed: 2, capped: 1 });
    expect(app.asked).toEqual([['page:home:0', 'page:home:2']]);
    expect(app.counters.sum('refresh_capped')).toBe(1);
  });

  it('remembers since when an entry is kept, from one refresh to the next', async () => {
    const app = await rig([ahead('page:home')]);
    const since = async () =>
      (await app.redis.client('cache').get(companionKey('page:home:0', 'refresh')))?.split(':')[0];
    await app.refresher.refresh(message('page:home', 1));
    const first = await since();
    const next = { format: 1, entity: 'page:home', keys: [['page:home:0', later()]] };
    await app.refresher.refresh(next);
    expect(app.asked).toHaveLength(2);
    expect(await since()).toBe(first);
  });

  it('opens the breaker of a failing source, for the planner too, and lets it close again', async () => {
    const load = async (key: string) => key;
    const app = await rig([
      defineEntity({ name: 'page:single', load, refreshAhead: { concurrency: 1 } }),
      ahead('page:home'),
    ]);
    app.cache.result = (key) => ({ key, outcome: 'failed' });
    const failed = { failedWith: 'E_LOAD_FAILED' };
    expect(await app.refresher.refresh(message('page:single', 20))).toMatchObject({
      ...failed,
      figures: { failed: 5 },
    });
    const skipped = { ...failed, summary: expect.stringContaining('keeps failing') };
    expect(await app.refresher.refresh(message('page:single', 20))).toMatchObject(skipped);
    app.demand.refreshNeeded('page:single:1', later());
    app.demand.refreshNeeded('page:home:1', later());
    await app.demand.flush();
    expect((await app.plan()).figures).toMatchObject({ queued: 1, breakersOpen: 1 });

    await app.redis.client('work').hset('work:{refresh}:breakers', 'page:single', '5:1');
    app.cache.result = (key) => ({ key, outcome: 'refreshed' });
    expect((await app.refresher.refresh(message('page:single', 3))).figures.refreshed).toBe(3);
    expect(await app.redis.client('work').hgetall('work:{refresh}:breakers')).toEqual({});
  });

  it('leaves alone what has expired since it was claimed, and counts the miss once', async () => {
    const app = await rig([ahead('page:home')]);
    app.demand.refreshNeeded('page:home:1', later());
    await app.demand.flush();
    await app.plan();
    const late = { format: 1, entity: 'page:home', keys: [['page:home:1', Date.now() - 1]] };
    for (let n = 0; n < 2; n++) {
      expect((await app.refresher.refresh(late)).figures).toMatchObject({ refreshed: 0, expired: 1 });
    }
    expect(app.asked).toEqual([]);
    expect(app.counters.sum('refresh_missed')).toBe(1);
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

it('never throws if Redis is unavailable', async () => {
  const settings = readSettings({ REDIS_URL: 'redis://127.0.0.1:1' });
  const redis = createRedis({ settings, logger: silentLogger, role: 'test' });
  open.push(redis);
  const entities = entityRegistry([ahead('page:home'), ahead('page:short', { ttlSeconds: 5 })]);
  const ports = { settings, counters: countersInMemory(), logger: silentLogger, clock: systemClock };
  const demand = demandOf({ ...ports, redis, entities }, async () => []);
  demand.read('page:home:1', DUE_AT_ONCE, later());
  demand.refreshNeeded('page:home:1', later());
  demand.refreshNeeded('page:short:1', Date.now() + 500);
  await expect(demand.close()).resolves.toBeUndefined();
});
