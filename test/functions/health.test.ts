import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer, type Server, type Socket } from 'node:net';
import { TableClient } from '@azure/data-tables';
import { type RunningPglite, startPglite } from '../../local/servers';
import { HOUR, SECOND } from '../../src/clock';
import type { Health } from '../../src/monitoring';
import type { SelfCheckResult } from '../../src/self-check';
import { type RunningApp, startApp } from '../running-app';

let app: RunningApp;
let database: RunningPglite;
beforeAll(async () => {
  database = await startPglite();
  // Schedules that don't come round while the test runs: what runs is what is fired.
  const rare = '0 0 3 1 1 *';
  const schedules = ['DRAIN_POISON', 'PLAN_REFRESHES', 'SWEEP', 'EVALUATE_ALERTS', 'REPORT'];
  app = await startApp({
    DATABASE_URL: database.url,
    ...Object.fromEntries(schedules.map((name) => [`${name}_SCHEDULE`, rare])),
    COLLECT_METRICS_SCHEDULE: '0 0 * * * *',
  });
});
afterAll(async () => {
  await Promise.all([app?.stop(), database?.stop()]);
});

async function health(): Promise<Health & { readonly code: number; readonly word: string }> {
  const word = await fetch(`${app.address}/api/health`);
  const detail = await fetch(`${app.address}/api/health/detail`);
  expect(detail.status).toBe(word.status);
  return { ...((await detail.json()) as Health), code: word.status, word: await word.text() };
}

/** The record of runs, as it lies in storage. */
function jobRuns(): TableClient {
  const { connectionString } = app.azurite;
  return TableClient.fromConnectionString(connectionString, 'stewardjobruns', { allowInsecureConnection: true });
}

/** Asks until there is an answer. Gives up, so that a test that fails ends. */
async function until<T>(ask: () => Promise<T | undefined>): Promise<T> {
  const end = Date.now() + 60_000;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (Date.now() > end)
      throw new Error(`No answer within a minute. The host said:\n${app.lines.slice(-20).join('\n')}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

type Row = { readonly succeededAt?: string; readonly failedWith?: string };
const recordOf = (job: string) => jobRuns().getEntity<Row>('job', job);

test('an app that can do its work says so in one word, and in detail to those who have a key', async () => {
  expect(await health()).toMatchObject({
    ...{ code: 200, word: 'ok', status: 'ok', faults: [] },
    checks: {
      redis: { ok: true },
      storage: { ok: true },
      database: { ok: true, detail: 'answers' },
      writes: { ok: true },
    },
    jobs: expect.arrayContaining([
      expect.objectContaining({ job: 'collectMetrics', isOverdue: false, detail: 'never succeeded' }),
    ]),
  });
});

async function selfCheck(): Promise<{ readonly ok: boolean; readonly checks: readonly SelfCheckResult[] }> {
  return (await (await fetch(`${app.address}/api/selfCheck`)).json()) as Awaited<ReturnType<typeof selfCheck>>;
}

test('the app checks itself: Redis, queues, tables, blobs, the database and the clocks, and leaves nothing', async () => {
  const { ok, checks } = await selfCheck();
  expect([ok, checks.filter((check) => !check.ok)]).toEqual([true, []]);
  const counted = new Map<string, number>();
  for (const { name, state } of checks) if (state === 'ok') counted.set(name, (counted.get(name) ?? 0) + 1);
  const once = ['resolves', 'sessions', 'cache', 'redis.identity', 'redis.commands', 'redis.keys', 'redis.clock'];
  expect(Object.fromEntries(counted)).toMatchObject({
    ...Object.fromEntries(once.map((name) => [name, 1])),
    ...{ 'storage.queue': 4, 'storage.table': 2, 'storage.blob': 1, 'storage.clock': 1 },
    ...{ database: 1, 'database.clock': 1 },
  });
  const skipped = checks.filter(({ state }) => state === 'skipped').map(({ name }) => name);
  expect(skipped).toEqual(expect.arrayContaining(['vault', 'metrics', 'alerts.webhook']));
  const rows: unknown[] = [];
  for await (const row of jobRuns().listEntities({ queryOptions: { filter: `PartitionKey ne 'job'` } })) rows.push(row);
  expect(rows).toEqual([]);
});

test('a job that has not run for three of its periods is named, until it runs: then it is remembered', async () => {
  const longAgo = new Date(Date.now() - 5 * HOUR);
  const row = { partitionKey: 'job', rowKey: 'collectMetrics', succeededAt: longAgo };
  await jobRuns().upsertEntity(row, 'Merge');
  expect(await health()).toMatchObject({
    ...{ code: 200, word: 'degraded' },
    faults: [
      expect.stringMatching(/^collectMetrics: succeeded \d+ s ago; its schedule 0 0 \* \* \* \* has come round 3/),
    ],
  });
  const fired = Date.now();
  await app.host.fire('collectMetrics');
  await until(async () => {
    const { succeededAt } = await recordOf('collectMetrics');
    return succeededAt !== undefined && new Date(succeededAt).getTime() > fired - SECOND ? true : undefined;
  });
  expect(await health()).toMatchObject({ code: 200, word: 'ok', faults: [] });
});

test('a job that fails is remembered with its code, also while Redis is dead', async () => {
  await app.redis.kill('SIGKILL');
  const before = await health();
  expect(before).toMatchObject({ code: 503, word: 'down', faults: [expect.stringMatching(/^redis: /)] });
  await app.host.fire('planRefreshes');
  const code = await until(async () => (await recordOf('planRefreshes')).failedWith);
  expect(code).toMatch(/^E_REDIS_UNAVAILABLE$|^E_DEADLINE$/);
  await app.redis.restart();
  await until(async () => ((await health()).word === 'ok' ? true : undefined));
});

test('a database that died degrades the app; the answer says which and names no secret', async () => {
  await database.kill('SIGKILL');
  const state = await health();
  expect(state).toMatchObject({ code: 200, word: 'degraded', faults: [expect.stringMatching(/^database: /)] });
});

test('a database that accepts and never answers costs a few seconds, not the answer', async () => {
  const sockets = new Set<Socket>();
  const silent: Server = createServer((socket) => void sockets.add(socket)).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const { port } = silent.address() as AddressInfo;
  const other = await startApp({ DATABASE_URL: `postgres://u:canary-4711@127.0.0.1:${port}/d` });
  try {
    const answer = await fetch(`${other.address}/api/health/detail`);
    const text = await answer.text();
    expect(JSON.parse(text)).toMatchObject({ status: 'degraded', faults: ['database: no answer within 3000 ms'] });
    expect(text).not.toContain('canary');
  } finally {
    await other.stop();
    for (const socket of sockets) socket.destroy();
    silent.close();
  }
});

test('without storage the app is down, and says so', async () => {
  await app.azurite.kill('SIGKILL');
  const state = await health();
  expect(state).toMatchObject({ code: 503, word: 'down', jobs: [] });
  expect(state.faults).toEqual(expect.arrayContaining([expect.stringMatching(/^storage: .*ECONNREFUSED/)]));
  const { ok, checks } = await selfCheck();
  expect(ok).toBe(false);
  const wrong = new Set(checks.filter((check) => !check.ok).map(({ name }) => name));
  expect([...wrong].sort()).toEqual(['database', 'storage.blob', 'storage.clock', 'storage.queue', 'storage.table']);
});
