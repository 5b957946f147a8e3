import { Redis } from 'ioredis';
import { addUser, type RunningRedis, startRedis } from '../../local/servers';
import { createClient } from '../../src/client';
import { skipped, warning } from '../../src/doctor';
import { checkRedisPermissions } from '../../src/doctor/checks/check-redis-permissions';
import { silentLogger } from '../../src/logger';
import type { RedisHandle } from '../../src/redis';
import { CHANNEL_PATTERNS, COMMANDS, KEY_PATTERNS } from '../../src/redis/auth/acl';
import { createSelfCheck, type SelfCheckOptions } from '../../src/self-check';
import { SessionCore } from '../../src/sessions';
import { readSettings } from '../../src/settings';
import { ofType, readSnapshot } from '../infra/infra';

// The self-check on a real server, as a user with exactly what the template's access policies grant.

const policies = new Map(
  ofType(readSnapshot('premium'), 'Microsoft.Cache/redis/accessPolicies').map(({ name, properties }) => [
    name.split('/').at(-1),
    String(properties?.permissions).split(' '),
  ]),
);

let server: RunningRedis;
let admin: Redis;
const urls = new Map<string, string>();

beforeAll(async () => {
  server = await startRedis();
  admin = new Redis(server.adminUrl);
  // This server has rights on channels, which the version that the policies are for has not.
  const channels = CHANNEL_PATTERNS.map((pattern) => `&${pattern}`);
  for (const [name, rules = []] of policies) {
    urls.set(`${name}`, await addUser(server.adminUrl, `${name}`, [...rules, ...channels]));
  }
});

afterAll(async () => {
  admin.disconnect();
  await server.stop();
});

const nothing = async () => [];

async function as<T>(
  user: string,
  work: (client: { redis: RedisHandle } & SelfCheckOptions) => Promise<T>,
): Promise<T> {
  const settings = readSettings({
    REDIS_URL: urls.get(user),
    REDIS_DEADLINE_MS: '2000',
    AzureWebJobsStorage: 'UseDevelopmentStorage=true',
  });
  const client = createClient({ settings, entities: [], logger: silentLogger });
  const sessions = new SessionCore({ redis: client.redis });
  try {
    return await work({ redis: client.redis, host: 'localhost', cache: client.cache, sessions, examine: nothing });
  } finally {
    await client.close();
  }
}

test('the policies are the published rights, no more and no less', () => {
  const keys = KEY_PATTERNS.map((pattern) => `~${pattern}`);
  const granted = (commands: readonly string[]) => [...commands.map((command) => `+${command}`), ...keys].sort();
  expect(policies.get('steward-client')?.toSorted()).toEqual(granted(COMMANDS.web));
  expect(policies.get('steward-app')?.toSorted()).toEqual(granted(COMMANDS.app));
});

test.each(['steward-client', 'steward-app'])('as %s every check passes, and nothing is left behind', async (user) => {
  await admin.flushall();
  const report = await as(user, (client) => createSelfCheck(client).run());
  expect(report).toMatchObject({ ok: true, host: 'localhost' });
  expect(report.checks.map(({ name, ok }) => [name, ok])).toEqual([
    ['resolves', true],
    ['sessions', true],
    ['cache', true],
  ]);
  expect(report.addresses.some((address) => ['127.0.0.1', '::1'].includes(address))).toBe(true);
  const left = await admin.keys('*');
  expect(left.filter((key) => /^sess:|self-check\S*data\}?$/.test(key))).toEqual([]);
  expect(JSON.stringify(report)).not.toMatch(/steward-|steward:self-check/);
});

test('the app’s policy grants all that the doctor looks for', async () => {
  const findings = await as('steward-app', ({ redis }) => checkRedisPermissions(redis));
  expect(findings.filter(({ state }) => state !== 'ok')).toEqual([]);
});

test('what fails is in the report, and the rest is tried all the same', async () => {
  const report = await as('steward-app', ({ cache, sessions }) =>
    createSelfCheck({
      ...{ host: 'localhost', cache },
      examine: async () => [
        warning('metrics', 'no platform metrics: 403', 'ask for the role'),
        skipped('vault', 'none'),
      ],
      sessions: { ...bound(sessions), load: async () => undefined },
      resolve: async () => {
        throw Object.assign(new Error('getaddrinfo ENOTFOUND localhost'), { code: 'ENOTFOUND' });
      },
    }).run(),
  );
  expect(report.ok).toBe(false);
  expect(report.addresses).toEqual([]);
  expect(report.checks).toEqual([
    { name: 'resolves', state: 'error', ok: false, detail: 'ENOTFOUND: getaddrinfo ENOTFOUND localhost' },
    {
      name: 'sessions',
      state: 'error',
      ok: false,
      detail: 'expected that a stored session is read as it was; it is not so',
    },
    { name: 'cache', state: 'ok', ok: true, detail: 'set, read and deleted an entry' },
    { name: 'metrics', state: 'warning', ok: true, detail: 'no platform metrics: 403', advice: 'ask for the role' },
    { name: 'vault', state: 'skipped', ok: true, detail: 'none' },
  ]);
});

test('an unavailable Redis is a report too', async () => {
  const settings = readSettings({ REDIS_URL: 'redis://127.0.0.1:1', REDIS_DEADLINE_MS: '100' });
  const client = createClient({ settings, entities: [], logger: silentLogger });
  try {
    const sessions = new SessionCore({ redis: client.redis });
    const { ok, checks } = await createSelfCheck({
      ...{ host: '127.0.0.1', cache: client.cache, sessions },
      examine: nothing,
    }).run();
    expect(ok).toBe(false);
    expect(checks.filter((check) => !check.ok).map(({ name }) => name)).toEqual(['sessions', 'cache']);
  } finally {
    await client.close();
  }
});

const bound = (sessions: SelfCheckOptions['sessions']): SelfCheckOptions['sessions'] => ({
  create: (...args) => sessions.create(...args),
  load: (...args) => sessions.load(...args),
  save: (...args) => sessions.save(...args),
  destroy: (...args) => sessions.destroy(...args),
});
