import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RunningAzurite, type RunningRedis, startAzurite, startRedis } from '../../local/servers';
import { projectRoot } from '../../local/servers/paths';
import { ensureBuilt } from '../built';
import { TestHost } from './host-app';

/** The repository's root as somebody sees it who has built it, and copied the sample of the settings unchanged. */
let root: string;
let host: TestHost | undefined;
let redis: RunningRedis;
let azurite: RunningAzurite;

beforeAll(async () => {
  ensureBuilt();
  root = mkdtempSync(join(tmpdir(), 'steward-root-'));
  for (const name of ['host.json', 'package.json', 'dist/app']) {
    cpSync(join(projectRoot, name), join(root, name), { recursive: true });
  }
  cpSync(join(projectRoot, 'local.settings.sample.json'), join(root, 'local.settings.json'));
  [redis, azurite] = await Promise.all([startRedis(), startAzurite()]);
});
afterEach(async () => {
  await host?.process.kill();
});
afterAll(async () => {
  rmSync(root, { recursive: true, force: true });
  await Promise.all([redis.stop(), azurite.stop()]);
});

async function start(env: Record<string, string>) {
  host = new TestHost(join(projectRoot, 'dist/local/host.js'), root, env);
  const { listening, functions = [] } = await host.until((event) => event.listening !== undefined);
  return { get: (path: string) => fetch(`${listening}/api/${path}`), names: functions.map(({ name }) => name) };
}

test('with the sample of the settings copied unchanged the app starts, with every function', async () => {
  const { get, names } = await start({});
  expect(names).toEqual(expect.arrayContaining(['flushWrites', 'collectMetrics', 'dashboard', 'health']));
  expect(names).toHaveLength(16);
  // Nobody has started the Redis and the storage that the sample names: what needs neither answers.
  expect((await get('dashboard')).status).toBe(200);
});

test('what the environment sets wins over the file', async () => {
  const { get } = await start({ REDIS_URL: redis.appUrl, AzureWebJobsStorage: azurite.connectionString });
  expect((await get('health')).status).toBe(200);
});
