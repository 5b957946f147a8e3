import { join } from 'node:path';
import { app } from '@azure/functions';
import { Command } from 'commander';
import { registerVerify } from '../../src/cli/commands/verify-command';
import type { Finding } from '../../src/doctor';
import { registerSelfCheck } from '../../src/functions/self-check';
import { type ParameterFile, root } from '../infra/infra';
import { ArmDouble, type Spoil } from './arm-double';

const group = 'rg-oversight-prod-saas-eastus';
const subscription = '00000000-0000-0000-0000-000000000001';

let arm: ArmDouble | undefined;

afterEach(async () => {
  await arm?.stop();
  arm = undefined;
});

async function deployed(name: ParameterFile): Promise<ArmDouble> {
  arm = await new ArmDouble(name).start();
  return arm;
}

/** Runs the command against the double; `scopes` are the tokens it asked for. */
async function run(double: ArmDouble, args: readonly string[] = [], env: Record<string, string> = {}) {
  const lines: string[] = [];
  const errors: string[] = [];
  const scopes: string[] = [];
  let status: number | undefined;
  const io = {
    out: (line: string) => void lines.push(line),
    err: (line: string) => void errors.push(line),
    env: { AZURE_SUBSCRIPTION_ID: subscription, ...env },
    isTerminal: false,
    exit: (code: number) => {
      status = code;
    },
  };
  const program = new Command().exitOverride();
  const getToken = async (scope: string) => {
    scopes.push(scope);
    return 'a-token';
  };
  registerVerify(program, io, { getToken, fetch: double.fetch });
  await program.parseAsync(['verify', '--resource-group', group, '--endpoint', double.url, ...args], { from: 'user' });
  return { lines, errors, scopes, status };
}

async function findings(double: ArmDouble, args: readonly string[] = []) {
  const { lines, status } = await run(double, [...args, '--json']);
  const answer = JSON.parse(lines.join('\n')) as { ok: boolean; wrong: number; findings: Finding[] };
  expect(answer.ok).toBe(status === 0);
  return answer.findings;
}

const snapshotOf = (name: ParameterFile) => join(root, 'infra', 'params', `${name}.snapshot.json`);

test.each(['premium', 'managed', 'premium-geo', 'managed-geo', 'dev'] as const)(
  'what %s deploys is as it should be, by every check',
  async (name) => {
    const double = await deployed(name);
    const found = await findings(double, ['--expect', snapshotOf(name)]);
    expect(found.filter(({ state }) => state !== 'ok')).toEqual([]);
    expect(new Set(found.map(({ check }) => check))).toEqual(
      new Set([
        ...['cache.state', 'cache.tier', 'cache.shards', 'cache.tls', 'cache.public', 'cache.durability'],
        ...['network.endpoint', 'network.zone', 'watch.diagnostics', 'watch.alerts'],
        ...['app.health', 'app.resolves', 'app.sessions', 'app.cache'],
      ]),
    );
  },
);

test('one line a check, and exit status 0', async () => {
  const { lines, status, scopes } = await run(await deployed('managed'));
  expect(status).toBe(0);
  expect(lines).toContain('ok    network.endpoint    pe-redis is approved, at 10.20.5.4');
  expect(lines).toContain('ok    network.zone        privatelink.redis.azure.net, linked to a network');
  expect(lines.at(-1)).toBe(`${lines.length - 1} checks: 0 wrong`);
  expect(scopes).toEqual([`${arm?.url}/.default`]);
});

/** Sets a property of every resource of a type. */
const set =
  (type: string, path: string, value: unknown): Spoil =>
  (resources) => {
    for (const resource of resources.values()) {
      if (resource.type.toLowerCase() !== type.toLowerCase()) continue;
      const parts = path.split('.');
      let part = resource as Record<string, unknown>;
      for (const name of parts.slice(0, -1)) part = part[name] as Record<string, unknown>;
      part[parts.at(-1)!] = value;
    }
  };
const remove =
  (pattern: RegExp): Spoil =>
  (resources) => {
    for (const id of [...resources.keys()]) if (pattern.test(id)) resources.delete(id);
  };
const pending: Spoil = (resources) => {
  for (const { type, properties } of resources.values()) {
    if (type !== 'Microsoft.Network/privateEndpoints') continue;
    for (const each of properties.privateLinkServiceConnections as { properties: object }[]) {
      each.properties = { ...each.properties, privateLinkServiceConnectionState: { status: 'Pending' } };
    }
  }
};

const redis = 'Microsoft.Cache/redis';
const cluster = 'Microsoft.Cache/redisEnterprise';
const database = 'Microsoft.Cache/redisEnterprise/databases';
const zoneGroups = 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups';
const metricAlerts = 'Microsoft.Insights/metricAlerts';
const oldZone = [{ properties: { privateDnsZoneId: '/x/privatelink.redisenterprise.cache.azure.net' } }];
const alone = [{ id: 'x', state: 'Linked' }];
const standard = { name: 'Standard', family: 'C', capacity: 1 };

test.each<[string, ParameterFile, Spoil, string, RegExp]>([
  ['a cache that failed', 'premium', set(redis, 'properties.provisioningState', 'Failed'), 'cache.state', /is Failed/],
  [
    'an unfinished database',
    'managed',
    set(database, 'properties.provisioningState', 'Creating'),
    'cache.state',
    /Creating/,
  ],
  ['another size', 'managed', set(cluster, 'sku.name', 'Balanced_B5'), 'cache.tier', /asked for was Balanced_B10/],
  ['Standard', 'premium', set(redis, 'properties.sku', standard), 'cache.tier', /Standard C1/],
  ['one shard', 'premium', set(redis, 'properties.shardCount', 1), 'cache.shards', /asked for were 2/],
  [
    'a port without TLS',
    'premium',
    set(redis, 'properties.enableNonSslPort', true),
    'cache.tls',
    /without TLS is open/,
  ],
  ['TLS 1.0', 'managed', set(cluster, 'properties.minimumTlsVersion', '1.0'), 'cache.tls', /TLS 1\.0/],
  ['plain text', 'managed', set(database, 'properties.clientProtocol', 'Plaintext'), 'cache.tls', /without TLS/],
  ['public access', 'premium', set(redis, 'properties.publicNetworkAccess', 'Enabled'), 'cache.public', /is Enabled/],
  [
    'no snapshots',
    'premium',
    set(redis, 'properties.redisConfiguration.rdb-backup-enabled', 'false'),
    'cache.durability',
    /asked for was snapshots/,
  ],
  [
    'no persistence',
    'managed',
    set(database, 'properties.persistence', {}),
    'cache.durability',
    /no persistence, asked/,
  ],
  [
    'a broken link',
    'premium-geo',
    set(`${redis}/linkedServers`, 'properties.provisioningState', 'Unlinking'),
    'cache.durability',
    /is Unlinking/,
  ],
  ['no link', 'premium-geo', set(redis, 'properties.linkedServers', []), 'cache.durability', /asked for was geo/],
  [
    'a group of one',
    'managed-geo',
    set(database, 'properties.geoReplication.linkedDatabases', alone),
    'cache.durability',
    /one member only/,
  ],
  ['no private endpoint', 'premium', remove(/privateendpoints\/pe-redis(\/|$)/), 'network.endpoint', /no private end/],
  ['a pending endpoint', 'managed', pending, 'network.endpoint', /is Pending/],
  [
    'the zone of the old service',
    'managed',
    set(zoneGroups, 'properties.privateDnsZoneConfigs', oldZone),
    'network.zone',
    /not in privatelink\.redis\.azure\.net/,
  ],
  ['a zone without a network', 'premium', remove(/virtualnetworklinks/), 'network.zone', /linked to no network/],
  [
    'no diagnostics',
    'premium',
    remove(/redis\/redis-oversight-prod\/providers\/microsoft\.insights/),
    'watch.diagnostics',
    /no (metrics|logs) of/,
  ],
  [
    'no logs of the database',
    'managed',
    remove(/databases\/default\/providers\/microsoft\.insights/),
    'watch.diagnostics',
    /no logs of/,
  ],
  [
    'a missing alert',
    'premium',
    remove(/metricalerts\/redis-oversight-prod-memoryhigh/),
    'watch.alerts',
    /: MemoryHigh/,
  ],
  ['no dead-man rule', 'managed', remove(/scheduledqueryrules/), 'watch.alerts', /missing: NoSamples/],
  ['alerts that are off', 'managed', set(metricAlerts, 'properties.enabled', false), 'watch.alerts', /turned off/],
  [
    'alerts that notify nobody',
    'managed',
    set(metricAlerts, 'properties.actions', []),
    'watch.alerts',
    /notify nobody/,
  ],
  ['no app', 'managed', remove(/microsoft\.web\/sites/), 'app.selfCheck', /no function app/],
])('finds %s', async (_, name, spoil, check, detail) => {
  const double = await deployed(name);
  spoil(double.resources);
  const wrong = (await findings(double, ['--expect', snapshotOf(name)])).filter(({ state }) => state === 'error');
  expect(wrong.map((finding) => finding.check)).toContain(check);
  expect(wrong.find((finding) => finding.check === check)?.detail).toMatch(detail);
});

test('the app’s function is registered as the command calls it: by GET, with a key', () => {
  const http = jest.spyOn(app, 'http').mockImplementation(() => {});
  registerSelfCheck(() => {
    throw new Error('registering must not make the app');
  });
  expect(http).toHaveBeenCalledWith(
    'selfCheck',
    expect.objectContaining({ methods: ['GET'], authLevel: 'function', route: 'selfCheck' }),
  );
  http.mockRestore();
});

test('a name that resolves elsewhere is found by the app, from inside the network', async () => {
  const double = await deployed('managed');
  double.report = { ...double.report, addresses: ['203.0.113.9'] };
  const [wrong] = (await findings(double)).filter(({ state }) => state === 'error');
  expect(wrong).toMatchObject({ check: 'app.resolves', detail: expect.stringContaining('203.0.113.9') });
});

test('what fails inside the app is shown as it said', async () => {
  const double = await deployed('managed');
  double.appStatus = 503;
  double.report = {
    ...double.report,
    ok: false,
    checks: [{ name: 'sessions', state: 'error', ok: false, detail: 'E_DEADLINE: late' }],
  };
  const wrong = (await findings(double)).filter(({ state }) => state === 'error');
  expect(wrong).toEqual([expect.objectContaining({ check: 'app.sessions', detail: 'E_DEADLINE: late' })]);
});

test('an app that is down, and a job that has not run, are shown as the app’s health says', async () => {
  const double = await deployed('managed');
  const faults = ['planSweep: succeeded 12000 s ago; its schedule 0 0 * * * * has come round 3 times since'];
  double.health = { status: 'degraded', faults };
  const shown = (await findings(double)).filter(({ check }) => check === 'app.health');
  expect(shown).toEqual([expect.objectContaining({ state: 'warning', detail: faults[0] })]);
  double.appStatus = 503;
  double.health = { status: 'down', faults: ['redis: E_REDIS_UNAVAILABLE: no answer', ...faults] };
  const wrong = (await findings(double)).filter(({ state }) => state === 'error');
  expect(wrong.map(({ check, detail }) => [check, detail])).toEqual(
    double.health.faults.map((it) => ['app.health', it]),
  );
});

test('an app with a wrong setting says so by its health, and what it cannot check', async () => {
  const double = await deployed('managed');
  double.appStatus = 503;
  double.health = { status: 'down', faults: ['SWEEP_DUTY: expected a number from 0.001 to 1, got "7"'] };
  double.report = { error: 'E_SETTINGS', message: 'One setting is wrong' } as never;
  const wrong = (await findings(double)).filter(({ state }) => state === 'error');
  expect(wrong.map(({ check }) => check)).toEqual(['app.health', 'app.selfCheck']);
});

test('an address that the app does not let in is shown how to get in', async () => {
  const double = await deployed('managed');
  double.appStatus = 403;
  const wrong = (await findings(double)).filter(({ state }) => state === 'error');
  expect(wrong.map(({ check }) => check)).toEqual(['app.health', 'app.selfCheck']);
  expect(wrong[1]).toMatchObject({ check: 'app.selfCheck', advice: expect.stringContaining('allowedAddresses') });
});

test('--no-self-check leaves the app alone', async () => {
  const double = await deployed('managed');
  const { status, lines } = await run(double, ['--no-self-check']);
  expect(status).toBe(0);
  expect(lines.join('\n')).toMatch(/^- +app\.selfCheck +not asked for$/m);
  expect(double.seen.filter((line) => line.includes('selfCheck'))).toEqual([]);
});

test('a group without a cache is a finding; a call without a subscription is a wrong call', async () => {
  const double = await deployed('managed');
  remove(/microsoft\.cache/)(double.resources);
  const { status, lines } = await run(double);
  expect([status, lines[0]]).toEqual([1, expect.stringMatching(/^FAIL {2}cache\.found .*has no cache/)]);
  const wrong = await run(double, [], { AZURE_SUBSCRIPTION_ID: '' });
  expect(wrong).toMatchObject({ status: 2, lines: [], errors: [expect.stringContaining('--subscription')] });
});

test('what Resource Manager refuses is an error with its own words', async () => {
  const double = await deployed('managed');
  const program = new Command().exitOverride();
  const io = { out: () => {}, err: () => {}, env: {}, isTerminal: false, exit: () => {} };
  registerVerify(program, io, { getToken: async () => 'a-stale-token', fetch: double.fetch });
  const args = ['verify', '--resource-group', group, '--subscription', subscription, '--endpoint', double.url];
  await expect(program.parseAsync(args, { from: 'user' })).rejects.toMatchObject({
    code: 'E_RESOURCE_MANAGER',
    status: 401,
    message: expect.stringContaining('AuthenticationFailed, says the double'),
  });
});
