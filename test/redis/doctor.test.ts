import { join } from 'node:path';
import { TableServiceClient } from '@azure/data-tables';
import { BlobServiceClient } from '@azure/storage-blob';
import { QueueServiceClient } from '@azure/storage-queue';
import { Command } from 'commander';
import { Redis } from 'ioredis';
import {
  addUser,
  type RunningAzurite,
  type RunningRedis,
  startAzurite,
  startRedis,
  startRedisCluster,
  urlWith,
} from '../../local/servers';
import { certificateFor } from '../../local/servers/certificates';
import { registerDoctor } from '../../src/cli/commands/doctor-command';
import type { CliIo } from '../../src/cli/io';
import { examineServices, type Finding, type VaultAccess } from '../../src/doctor';
import { missing } from '../../src/optional-packages';
import { aclRules, COMMANDS, LIBRARY_COMMANDS } from '../../src/redis/auth/acl';
import { createKeyVaultSecrets } from '../../src/sessions';
import { readSettings } from '../../src/settings';
import { startVault, type VaultDouble } from '../sessions/vault-double';

let server: RunningRedis;
let admin: Redis;

beforeAll(async () => {
  const args = ['--maxmemory', '64mb', '--maxmemory-policy', 'allkeys-lru'];
  server = await startRedis({ args, refusals: 'expected' });
  admin = new Redis(server.adminUrl);
});
afterAll(async () => {
  admin.disconnect();
  await server.stop();
});

async function doctor(env: Record<string, string>, vault: VaultAccess = {}, ...flags: string[]) {
  const lines: string[] = [];
  let code: number | undefined;
  const program = new Command('cache-steward');
  const io: CliIo = {
    out: (line) => lines.push(line),
    err: (line) => lines.push(line),
    env,
    isTerminal: false,
    exit: (given) => {
      code = given;
    },
  };
  registerDoctor(program, io, vault);
  await program.parseAsync(['node', 'cache-steward', 'doctor', ...flags]);
  return { lines, code };
}

async function examined(env: Record<string, string>, vault?: VaultAccess) {
  const { lines, code } = await doctor(env, vault, '--json');
  const report = JSON.parse(lines.join('\n')) as { ok: boolean; findings: Finding[] };
  const of = (check: string) => report.findings.filter((finding) => finding.check === check);
  const wrong = report.findings.filter(({ state }) => state === 'error').map(({ check }) => check);
  return { ...report, code, of, wrong };
}

async function namesOf(all: AsyncIterable<{ readonly name?: string }>) {
  const names: (string | undefined)[] = [];
  for await (const { name } of all) names.push(name);
  return names;
}

test('a healthy server has no error, and exit status 0', async () => {
  const { lines, code } = await doctor({ REDIS_URL: server.appUrl });
  expect(code).toBe(0);
  expect(lines.at(-1)).toMatch(/^\d+ checks: 0 wrong, 0 to look at$/);
  expect(lines.some((line) => line.startsWith('ok    redis.policy        allkeys-lru'))).toBe(true);
});

test('the least rights of docs/security.md satisfy it; fewer are named one by one', async () => {
  const app = await examined({ REDIS_URL: server.appUrl });
  expect(app.wrong).toEqual([]);
  for (const check of ['redis.sweeps', 'redis.observation']) expect(app.of(check)[0]?.state).toBe('ok');

  const web = await examined({ REDIS_URL: server.webUrl });
  expect(web.wrong).toEqual([]);
  expect(web.of('redis.sweeps')[0]?.detail).toBe('refused: dbsize, strlen, zremrangebyrank');
  expect(web.of('redis.observation')[0]?.detail).toMatch(/slowlog/);

  const few = LIBRARY_COMMANDS.filter((command) => command !== 'zadd' && command !== 'evalsha');
  const url = await addUser(server.adminUrl, 'few', aclRules(few, ['cache:*', 'work:*']));
  const lacking = await examined({ REDIS_URL: url });
  expect(lacking.code).toBe(1);
  expect(lacking.of('redis.commands')[0]).toMatchObject({ state: 'error', detail: 'refused: evalsha, zadd' });
  expect(lacking.of('redis.keys')[0]).toMatchObject({ state: 'error', detail: 'no access to sess:*' });
});

test('it leaves nothing behind', async () => {
  await examined({ REDIS_URL: server.appUrl });
  await admin.select(2);
  expect(await admin.keys('*')).toEqual([]);
});

test('a wrong password is a fault of the sign-in, and is not shown', async () => {
  const report = await examined({ REDIS_URL: urlWith(server.appUrl, { password: 'hunter2-canary' }) });
  expect(report.wrong).toEqual(['redis.identity']);
  expect(JSON.stringify(report)).not.toContain('hunter2-canary');
});

test('wrong settings are listed, each with what was expected', async () => {
  const report = await examined({ REDIS_URL: server.appUrl, REDIS_DEADLINE_MS: 'soon', REDIS_MODE: 'many' });
  expect(report.wrong).toEqual(['settings', 'settings']);
  const none = await examined({});
  expect(none.of('redis.settings')[0]?.detail).toContain('No Redis to connect to');
});

test('a host without an address and a port where nobody listens differ in what is reported', async () => {
  const nobody = await examined({ REDIS_URL: 'redis://127.0.0.1:1' });
  expect(nobody.wrong).toEqual(['redis.network']);
  const nowhere = await examined({ REDIS_URL: 'redis://no-such-host.invalid:6379' });
  expect(nowhere.wrong).toEqual(['redis.name']);
});

test('a cluster that isn’t said to be one is reported with the setting to change', async () => {
  const cluster = await startRedisCluster({ masters: 3, refusals: 'expected' });
  try {
    const report = await examined({ REDIS_URL: cluster.nodes[0]?.appUrl ?? '' });
    expect(report.of('redis.connection')[0]?.detail).toContain('set REDIS_MODE=cluster');
    const right = await examined({ REDIS_URL: cluster.nodes[0]?.appUrl ?? '', REDIS_MODE: 'cluster' });
    expect(right.wrong).toEqual([]);
    expect(right.of('redis.clock')).toHaveLength(3);

    const few = COMMANDS.app.filter((command) => command !== 'asking');
    const urls = await Promise.all(cluster.nodes.map(({ adminUrl }) => addUser(adminUrl, 'few', aclRules(few))));
    const lacking = await examined({ REDIS_URL: urls[0] ?? '', REDIS_MODE: 'cluster' });
    expect(lacking.of('redis.commands')[0]?.detail).toBe('refused: asking');
  } finally {
    await cluster.stop();
  }
});

test('the certificate is described: its name, its authority, its end', async () => {
  const tlsDir = await certificateFor(['localhost']);
  const secure = await startRedis({ tlsDir });
  try {
    const at = (host: string) => secure.appUrl.replace('127.0.0.1', host);
    const trusted = { REDIS_TLS_CA_FILE: join(tlsDir, 'ca.pem') };
    const good = await examined({ REDIS_URL: at('localhost'), ...trusted });
    expect(good.of('redis.tls')[0]).toMatchObject({ state: 'ok', detail: expect.stringContaining('TLSv1.3') });
    const stranger = await examined({ REDIS_URL: at('localhost') });
    expect(stranger.of('redis.tls')[0]).toMatchObject({ state: 'error', advice: expect.stringContaining('CA_FILE') });
    const address = await examined({ REDIS_URL: at('127.0.0.1'), ...trusted });
    expect(address.of('redis.tls')[0]?.detail).toContain('altnames');
    const plain = await examined({ REDIS_URL: server.appUrl.replace('redis:', 'rediss:') });
    expect(plain.of('redis.tls')[0]).toMatchObject({
      state: 'error',
      detail: expect.stringContaining('says nothing in TLS'),
    });
  } finally {
    await secure.stop();
  }
});

describe('with storage', () => {
  let azurite: RunningAzurite;
  beforeAll(async () => {
    azurite = await startAzurite();
  });
  afterAll(() => azurite.stop());

  test('queues, tables and blobs are reached; so is the webhook, or not', async () => {
    const report = await examined({
      REDIS_URL: server.appUrl,
      AzureWebJobsStorage: azurite.connectionString,
      ALERT_WEBHOOK_URL: 'http://127.0.0.1:1/hook?token=hunter2-canary',
    });
    expect(report.wrong).toEqual([]);
    expect(report.of('storage.queue').map(({ state }) => state)).toEqual(['ok', 'ok', 'ok', 'ok']);
    expect(report.of('storage.table')[0]).toMatchObject({ state: 'ok', detail: 'deadletters may be read and written' });
    expect(report.of('storage.blob')[0]).toMatchObject({ state: 'ok', detail: 'dead-letters may be read and written' });
    // What it has made is what the jobs need, and nothing of its own.
    const options = { allowInsecureConnection: true };
    const tables = TableServiceClient.fromConnectionString(azurite.connectionString, options).listTables();
    const containers = BlobServiceClient.fromConnectionString(azurite.connectionString).listContainers();
    expect(await namesOf(tables)).toEqual(['stewarddeadletters', 'stewardjobruns']);
    expect(await namesOf(containers)).toEqual(['steward-dead-letters']);
    // And of what it tried nothing is left.
    const queues = QueueServiceClient.fromConnectionString(azurite.connectionString);
    for (const queue of await namesOf(queues.listQueues())) {
      expect((await queues.getQueueClient(`${queue}`).getProperties()).approximateMessagesCount).toBe(0);
    }
    expect(report.of('storage.clock')[0]?.state).toBe('ok');
    expect(report.of('alerts.webhook')[0]?.state).toBe('warning');
    expect(JSON.stringify(report)).not.toContain('hunter2-canary');
  });
});

describe('with Key Vault', () => {
  let vault: VaultDouble;
  const DAY = 86_400;
  beforeEach(async () => {
    vault = await startVault();
    vault.now = Math.floor(Date.now() / 1_000) - 12 * DAY;
  });
  afterEach(() => vault.close());
  const access = (token = 'test-token'): VaultAccess => ({
    credential: { getToken: async () => ({ token, expiresOnTimestamp: Date.now() + 3_600_000 }) },
    client: {
      disableChallengeResourceVerification: true,
      tlsOptions: { ca: vault.ca },
      retryOptions: { maxRetries: 0 },
    },
  });
  const env = () => ({ REDIS_URL: server.appUrl, KEY_VAULT_URL: vault.url });

  test('the versions of the cookies’ secret are counted, and none is shown', async () => {
    const none = await examined(env(), access());
    expect(none.of('vault.session')[0]).toMatchObject({ state: 'warning', detail: 'session-secret has no version' });
    const secrets = createKeyVaultSecrets({ vaultUrl: vault.url, ...access() });
    for (const n of [1, 2]) await secrets.add(`hunter2-canary-${n}`);
    const report = await examined(env(), access());
    expect(report.of('vault.session')[0]).toMatchObject({
      state: 'ok',
      detail: 'session-secret has 2 in force, the newest 11 days old',
    });
    expect(report.wrong).toEqual([]);
    expect(JSON.stringify(report)).not.toContain('hunter2-canary');
  });

  test('an access key that can not be read is an error, and names the secret', async () => {
    await createKeyVaultSecrets({ vaultUrl: vault.url, ...access() }).add('hunter2-canary');
    const keys = { REDIS_AUTH: 'key-vault', REDIS_KEY_SECRETS: 'session-secret, lost-key' };
    const report = await examined({ ...env(), ...keys, REDIS_URL: 'redis://127.0.0.1:1' }, access());
    expect(report.of('vault.redis').map(({ state }) => state)).toEqual(['ok', 'error']);
    expect(report.of('vault.redis')[1]?.detail).toMatch(/^lost-key can't be read from https.*name was not found/);
    expect(JSON.stringify(report)).not.toContain('hunter2-canary');
  });

  test('a vault that refuses, and one that is not there, are errors with what to do', async () => {
    const refused = await examined(env(), access('another-token'));
    const nobody = await examined({ ...env(), KEY_VAULT_URL: 'https://127.0.0.1:1' }, access());
    for (const report of [refused, nobody]) {
      expect(report.wrong).toEqual(['vault.session']);
      expect(report.of('vault.session')[0]?.advice).toContain('Key Vault Secrets User');
    }
    expect(nobody.of('vault.session')[0]?.detail).toContain('ECONNREFUSED');
  });

  test('without one there is nothing to look at', async () => {
    expect((await examined({ REDIS_URL: server.appUrl })).of('vault')[0]?.state).toBe('skipped');
  });
});

test('a package that is missing is one finding, however many checks need it, and says to install it', async () => {
  const absent = (name: string, feature: string) => () =>
    Promise.reject(Object.assign(new Error(`Cannot find module '${name}'`), { code: 'MODULE_NOT_FOUND' })).catch(
      missing(`${name}@12`, feature),
    );
  const findings = await examineServices({
    settings: readSettings({ AzureWebJobsStorage: 'UseDevelopmentStorage=true' }),
    storage: {
      queue: absent('@azure/storage-queue', 'Storage queues'),
      table: absent('@azure/data-tables', 'Storage tables'),
      container: absent('@azure/storage-blob', 'Blobs'),
    },
    pool: { query: () => Promise.reject(new Error('none')), close: async () => {} } as never,
    platform: undefined,
  });
  const wrong = findings.filter(({ state }) => state === 'error');
  expect(wrong.map(({ check }) => check)).toEqual(['packages', 'packages', 'packages']);
  expect(wrong[0]).toMatchObject({
    detail: expect.stringMatching(/^Storage queues need the package .*npm install @azure\/storage-queue@12$/),
    advice: expect.stringMatching(/^Install it/),
  });
});
