import { randomUUID } from 'node:crypto';
import {
  findRedis,
  type RunningAzurite,
  type RunningPglite,
  type RunningRedis,
  startAzurite,
  startPglite,
  startRedis,
  urlWith,
} from '../../local/servers';
import { skewedBy } from '../../local/servers/skew';
import { type Client, type ClientOptions, createClient } from '../../src/client';
import { HOUR, MINUTE, SECOND } from '../../src/clock';
import { createEntities } from '../../src/entities';
import { physicalKey } from '../../src/entities/key';
import { isNewer, versionMs } from '../../src/entities/version';
import { silentLogger } from '../../src/logger';
import { readSettings } from '../../src/settings';
import { type TcpProxy, tcpProxy } from '../faults/tcp-proxy';

// Versions (docs/write-behind.md, step 1), on servers whose clocks are really apart. Without libfaketime they are not,
// and every promise must hold all the same.

let right: RunningRedis;
let azurite: RunningAzurite;
let pglite: RunningPglite;
let proxy: TcpProxy;
const made: { close(): Promise<unknown> }[] = [];

beforeAll(async () => {
  [right, azurite, pglite] = await Promise.all([startRedis(), startAzurite(), startPglite()]);
});
beforeEach(async () => {
  proxy = await tcpProxy(right.port);
});
afterEach(async () => {
  await Promise.all(made.splice(0).map((one) => one.close()));
  await proxy.stop();
});
afterAll(() => Promise.all([right.stop(), azurite.stop(), pglite.stop()]));

/** A Redis whose clock is ahead, where that can be had. */
async function ahead(ms: number): Promise<RunningRedis> {
  const program = await findRedis();
  const server = await startRedis({ program: (await skewedBy(program, ms)) ?? program });
  made.push({ close: () => server.stop() });
  return server;
}

/** Processes that reach Redis through the proxy, each with a clock of its own. */
function processes(deadlineMs = 2_000) {
  const id = randomUUID().replaceAll('-', '').slice(0, 8);
  const settings = readSettings({
    ...{ REDIS_URL: urlWith(right.appUrl, { port: `${proxy.port}` }), REDIS_DEADLINE_MS: String(deadlineMs) },
    ...{ DATABASE_URL: pglite.url, AzureWebJobsStorage: azurite.connectionString },
    ...{ STORAGE_NAME_PREFIX: `t${id}`, WRITE_BEHIND_QUEUE: `journal-${id}`, WRITE_BEHIND_RETRY_CAP_SECONDS: '1' },
  });
  const start = (options: Partial<ClientOptions> = {}): Client => {
    const client = createClient({ settings, entities: createEntities, logger: silentLogger, ...options });
    made.unshift(client);
    return client;
  };
  const jobs = start();
  return {
    ...{ start, jobs, key: `user:profile:${id}` },
    stored: async (key: string) => (await jobs.entities.of(key)?.store?.loadMany([key]))?.get(key),
  };
}

async function failOver(to: RunningRedis, ...clients: Client[]): Promise<void> {
  proxy.target(to.port);
  proxy.cut();
  for (const { redis } of clients) await redis.ready(10 * SECOND);
}

test('a process has one writer id, whichever way a version is taken', async () => {
  const { jobs, key } = processes();
  const writer = (version: string) => version.slice(16);
  expect(writer(await jobs.cache.takeVersion(key))).toBe(writer(await jobs.fence.takeVersion(key)));
});

test('the clocks of the writers do not matter: versions are of the server’s', async () => {
  const { start, jobs, key, stored } = processes();
  const [fast, slow] = [HOUR, -HOUR].map((ms) => start({ clock: { now: () => Date.now() + ms } })) as [Client, Client];
  const first = await fast.cache.writeBehind(key, { name: 'by the fast' });
  const second = await slow.cache.writeBehind(key, { name: 'by the slow' });
  expect(isNewer(second, first)).toBe(true);
  expect(Math.abs(versionMs(first) - Date.now())).toBeLessThan(MINUTE);
  await jobs.flushAll();
  expect(await stored(key)).toMatchObject({ version: second, value: { name: 'by the slow' } });
});

test('after a failover to a slower clock a process never goes back, and cache and database agree on all others', async () => {
  const first = await ahead(2 * MINUTE);
  proxy.target(first.port);
  const { start, jobs, key, stored } = processes();
  const [one, two] = [start(), start()];
  const before = await one.cache.writeBehind(key, { name: 'before' });
  await failOver(right, one, jobs);
  const after = await one.cache.writeBehind(key, { name: 'after' });
  expect(isNewer(after, before)).toBe(true);
  // The other process has no memory of the fast clock, and the new server none of the entry.
  await jobs.redis.client('cache').del(physicalKey(key));
  await two.cache.writeBehind(key, { name: 'of another' });
  expect((await jobs.flushAll()).left.messages).toBe(0);
  const row = await stored(key);
  expect(row).toMatchObject({ deleted: false });
  if (row?.deleted === false) expect(await two.cache.get(key)).toEqual(row.value);
  // From here on both clocks are right again, and whoever writes is newer than what is there.
  const last = await two.cache.writeBehind(key, { name: 'last' });
  await jobs.flushAll();
  expect(await stored(key)).toMatchObject({ version: last, value: { name: 'last' } });
  expect(await one.cache.get(key)).toEqual({ name: 'last' });
});

test('a server whose clock is beyond the bound makes dead letters, and what was there stands', async () => {
  const { start, jobs, key, stored } = processes();
  const good = await start().cache.writeBehind(key, { name: 'good' });
  await jobs.flushAll();
  const wrong = await ahead(HOUR);
  await failOver(wrong, jobs);
  const web = start();
  const version = await web.cache.writeBehind(key, { name: 'from the future' });
  const isAhead = versionMs(version) > Date.now() + HOUR / 2;
  await jobs.flushAll();
  if (!isAhead) return; // No libfaketime: nothing is from the future.
  expect(await stored(key)).toMatchObject({ version: good, value: { name: 'good' } });
  expect(await jobs.deadLetters.list()).toMatchObject([{ key, version, reason: 'clock' }]);
  expect(await web.cache.get(key)).toEqual({ name: 'good' });
});

test('without Redis a process goes by the time it has learnt, and one that never learnt it refuses', async () => {
  const { start, jobs, key, stored } = processes(500);
  const [web, late] = [start(), start()];
  const before = await web.cache.takeVersion(key);
  await right.kill('SIGKILL');
  const version = await web.cache.writeBehind(key, { name: 'without Redis' });
  expect(isNewer(version, before)).toBe(true);
  expect(isNewer(await web.cache.takeVersion(key), version)).toBe(true);
  expect(Math.abs(versionMs(version) - Date.now())).toBeLessThan(MINUTE);
  await expect(late.cache.writeBehind(key, { name: 'unordered' })).rejects.toMatchObject({
    code: 'E_VERSION_UNAVAILABLE',
  });
  await right.restart();
  await failOver(right, web, jobs, late);
  await jobs.flushAll();
  expect(await stored(key)).toMatchObject({ version, value: { name: 'without Redis' } });
  expect(isNewer(await late.cache.takeVersion(key), version)).toBe(true);
});
