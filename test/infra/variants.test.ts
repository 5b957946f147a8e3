import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { findTypes } from '../../scripts/bicep.cjs';
import { snapshotMetadata } from '../../scripts/snapshot-arguments.cjs';
import { clientGrants, grantsOf } from '../deployed/roles';
import {
  at,
  bicepServer,
  describeWithBicep,
  ofType,
  only,
  type Resource,
  readSnapshot,
  remembered,
  root,
} from './infra';
import { createTypeCheck } from './type-check';

// What no committed parameter file asks for: the other branches of the template, evaluated and checked in the same way.

const webApp = '11111111-2222-4333-8444-555555555555';

describeWithBicep('variants', (bicep) => {
  const server = bicepServer(bicep);

  /** A parameter file with parts of its text replaced, evaluated. */
  async function evaluate(name: string, changes: readonly [RegExp, string][]): Promise<readonly Resource[]> {
    let text = readFileSync(join(root, 'infra', 'params', `${name}.bicepparam`), 'utf8');
    for (const [from, to] of [[/'\.\.\/main\.bicep'/, "'../../infra/main.bicep'"] as const, ...changes]) {
      expect(text).toMatch(from);
      text = text.replace(from, to);
    }
    const { snapshot } = await remembered(text, async () => {
      const folder = join(root, '.cache', 'infra-tests');
      mkdirSync(folder, { recursive: true });
      const path = join(folder, `variant-${process.pid}.bicepparam`);
      writeFileSync(path, text);
      try {
        return await server().call<{ snapshot: string }>('bicep/getSnapshot', { path, metadata: snapshotMetadata });
      } finally {
        rmSync(path);
      }
    });
    return (JSON.parse(snapshot) as { predictedResources: Resource[] }).predictedResources;
  }

  function faultsOf(resources: readonly Resource[]): string[] {
    const folder = findTypes(resources.map(({ type, apiVersion }) => `${type}@${apiVersion}`));
    return folder === undefined ? [] : resources.flatMap(createTypeCheck(folder));
  }

  const hub = '/subscriptions/s/resourceGroups/hub/providers/Microsoft.Network/virtualNetworks/hub';
  const workspace = '/subscriptions/s/resourceGroups/hub/providers/Microsoft.OperationalInsights/workspaces/log-hub';
  const zones = ['cache', 'blob', 'queue', 'table', 'vault'].map((zone) => `${zone}: '/own/privateDnsZones/${zone}'`);
  const existing = (more: string) => `param network = {
  kind: 'existing'
  virtualNetworkId: '${hub}'
  functionsSubnetId: '${hub}/subnets/functions'
  endpointsSubnetId: '${hub}/subnets/endpoints'
  endpointsSubnetPrefix: '10.7.5.0/24'
  addresses: { cache: '10.7.5.9', blob: '10.7.5.10', queue: '10.7.5.11', table: '10.7.5.12', vault: '10.7.5.13' }
${more}}
`;

  describe('managed: everything of one’s own, keys kept, a proxy before the shards', () => {
    let resources: readonly Resource[] = [];
    beforeAll(async () => {
      resources = await evaluate('managed', [
        [
          /param network = \{[\s\S]*?\n\}\n/,
          `${existing(`privateDnsZoneIds: { ${zones.join('\n')}\n }\n`)}param workspaceId = '${workspace}'\n`,
        ],
        [/highAvailability: true/, "highAvailability: true\n  accessKeys: 'key-vault'"],
        [/'OSSCluster'/, "'EnterpriseCluster'"],
        [/allowedAddresses: \[\]/, "allowedAddresses: ['192.0.2.0/24']\n  settings: { SWEEP_DUTY: '0.05' }"],
      ]);
    });

    test('every body holds against the provider’s types', () => {
      expect(faultsOf(resources)).toEqual([]);
    });

    test('no network, no zone and no workspace is made, and those given are used', () => {
      const types = resources.map(({ type }) => type).join('\n');
      expect(types).not.toMatch(/virtualNetworks|networkSecurityGroups|privateDnsZones$|OperationalInsights/m);
      const endpoint = only(resources, 'Microsoft.Network/privateEndpoints', 'pe-redis');
      expect(at(endpoint, 'properties.ipConfigurations.0.properties.privateIPAddress')).toBe('10.7.5.9');
      expect(at(endpoint, 'properties.subnet.id')).toBe(`${hub}/subnets/endpoints`);
      const group = only(
        resources,
        'Microsoft.Network/privateEndpoints/privateDnsZoneGroups',
        'pe-redis/pdz-group-redis',
      );
      expect(JSON.stringify(group)).toContain('/own/privateDnsZones/cache');
      for (const setting of ofType(resources, 'Microsoft.Insights/diagnosticSettings')) {
        expect(setting.properties?.workspaceId).toBe(workspace);
      }
    });

    test('the key is kept in Key Vault, and nowhere else', () => {
      const database = only(resources, 'Microsoft.Cache/redisEnterprise/databases');
      expect(database.properties?.accessKeysAuthentication).toBe('Enabled');
      expectKeyInVaultOnly(resources);
    });

    test('the proxy is spoken to as one server', () => {
      const settings = JSON.stringify(only(resources, 'Microsoft.Web/sites/config').properties);
      expect(settings).toMatch(/'REDIS_MODE', 'standalone'|"REDIS_MODE":"standalone"/);
    });

    test('settings of one’s own are added, and allowed addresses are let in', () => {
      expect(JSON.stringify(only(resources, 'Microsoft.Web/sites/config').properties)).toContain('SWEEP_DUTY');
      const site = only(resources, 'Microsoft.Web/sites');
      expect(at(site, 'properties.siteConfig.ipSecurityRestrictions.0')).toMatchObject({
        action: 'Allow',
        ipAddress: '192.0.2.0/24',
      });
    });
  });

  describe('premium: a network of one’s own, AOF, keys kept, a web app with an identity', () => {
    let resources: readonly Resource[] = [];
    beforeAll(async () => {
      resources = await evaluate('premium', [
        [/param network = \{[\s\S]*?\n\}\n/, existing('')],
        [/kind: 'rdb'\n\s+everyMinutes: 60/, "kind: 'aof'"],
        [/patch: \{/, "accessKeys: 'key-vault'\n  patch: {"],
        [/subnetPrefix: '10\.20\.2\.0\/24'/, `subnetPrefix: '10.20.2.0/24', principalId: '${webApp}'`],
      ]);
    });

    test('every body holds against the provider’s types', () => {
      expect(faultsOf(resources)).toEqual([]);
    });

    test('zones that aren’t given are made, and linked to that network', () => {
      expect(ofType(resources, 'Microsoft.Network/privateDnsZones')).toHaveLength(5);
      for (const link of ofType(resources, 'Microsoft.Network/privateDnsZones/virtualNetworkLinks')) {
        expect(at(link, 'properties.virtualNetwork.id')).toBe(hub);
      }
    });

    test('the web app may append to the journal and see its length, put its values, read secrets and use Redis, no more', () => {
      const [queues] = ofType(resources, 'Microsoft.Storage/storageAccounts/queueServices');
      const account = only(resources, 'Microsoft.Storage/storageAccounts', queues?.name.split('/')[0]);
      const granted = grantsOf(resources, (text) => text).filter(({ principalId }) => principalId === webApp);
      // What the app's own tests let a web app do: test/deployed.
      const expected = clientGrants(webApp, account.id, only(resources, 'Microsoft.KeyVault/vaults').id);
      expect(granted).toHaveLength(expected.length);
      expect(granted).toEqual(expect.arrayContaining(expected));
      const user = only(resources, 'Microsoft.Cache/redis/accessPolicyAssignments', 'redis-oversight-prod/web');
      expect(user.properties).toEqual({ accessPolicyName: 'steward-client', objectId: webApp, objectIdAlias: 'web' });
    });

    test('AOF is appended to backup storage by identity', () => {
      expect(at(only(resources, 'Microsoft.Cache/redis'), 'properties.redisConfiguration')).toMatchObject({
        'rdb-backup-enabled': 'false',
        'aof-backup-enabled': 'true',
        'aof-storage-connection-string-0': expect.stringContaining('stbackup'),
        'preferred-data-persistence-auth-method': 'ManagedIdentity',
      });
    });

    test('the key is kept in Key Vault, and nowhere else', () => {
      expect(only(resources, 'Microsoft.Cache/redis').properties?.disableAccessKeyAuthentication).toBe(false);
      expectKeyInVaultOnly(resources);
    });
  });

  test('moving from Premium to managed in one group changes nothing that stays but the app’s settings', async () => {
    const group = '/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg-oversight-prod-saas-eastus';
    const network = `${group}/providers/Microsoft.Network/virtualNetworks/vnet-oversight-prod`;
    const addresses = ['cache: .9', 'blob: .5', 'queue: .6', 'table: .7', 'vault: .8'];
    const moved = await evaluate('managed', [
      [
        /param network = \{[\s\S]*?\n\}\n/,
        `param network = {
  kind: 'existing'
  virtualNetworkId: '${network}'
  functionsSubnetId: '${network}/subnets/snet-functions'
  endpointsSubnetId: '${network}/subnets/snet-endpoints'
  endpointsSubnetPrefix: '10.20.5.0/24'
  addresses: { ${addresses.map((each) => each.replace(/\.(\d)/, "'10.20.5.$1'")).join('\n')}\n }
}
param names = {
  cache: 'redis-oversight-prod-managed'
  privateEndpoint: 'pe-redis-managed'
  privateConnection: 'psc-redis-managed'
}
`,
      ],
    ]);
    const before = new Map(readSnapshot('premium').map((resource) => [resource.id, resource]));
    const changed = moved
      .filter(({ id }) => before.has(id))
      .filter((resource) => !isDeepStrictEqual(resource, before.get(resource.id)));
    expect(changed.map(({ type }) => type)).toEqual(['Microsoft.Web/sites/config']);
    const addressOf = (endpoint: Resource) => at(endpoint, 'properties.ipConfigurations.0.properties.privateIPAddress');
    const together = new Map([...before.values(), ...moved].map((resource) => [resource.id, resource]));
    const taken = ofType([...together.values()], 'Microsoft.Network/privateEndpoints').map(addressOf);
    expect(new Set(taken).size).toBe(taken.length);
  });

  test('what must be in order is: caches, both endpoints, then the link; a group is founded once only', async () => {
    const template = async (name: string) => {
      const path = join(root, 'infra', 'modules', `${name}.bicep`);
      const { contents } = await remembered(`template ${name}`, () =>
        server().call<{ contents: string }>('bicep/compile', { path }),
      );
      return (JSON.parse(contents) as { resources: Record<string, Record<string, unknown>> }).resources;
    };
    const premium = await template('premium');
    expect(premium.link?.dependsOn).toEqual(
      expect.arrayContaining(['primaryPrivateEndpoint', 'secondaryPrivateEndpoint', 'secondary']),
    );
    expect(premium.primaryPrivateEndpoint?.dependsOn).toContain('primary');
    expect(premium.secondaryPrivateEndpoint?.dependsOn).toContain('secondary');
    const managed = await template('managed');
    expect(managed.database?.dependsOn).toContain('secondaryDatabase');
    expect(managed.secondaryDatabase?.dependsOn).toContain('geoGroup');
    const group = await template('managed-geo-group');
    expect(group.founder?.['@options']).toHaveProperty('onlyIfNotExists');
    const main = JSON.stringify((await template('../main')).premium?.dependsOn);
    expect(main).toContain('backupRoles');
  });
});

function expectKeyInVaultOnly(resources: readonly Resource[]): void {
  const secret = only(resources, 'Microsoft.KeyVault/vaults/secrets');
  expect(secret.name).toMatch(/\/redis-access-key$/);
  expect(at(secret, 'properties.value')).toMatch(/listKeys\(.*\)\.primaryKey\]$/);
  const others = resources.filter((resource) => resource !== secret);
  expect(others.filter((resource) => JSON.stringify(resource).includes('listKeys'))).toEqual([]);
}
