import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readSettings } from '../../src/settings';
import { CLAIMS_CONTAINER } from '../../src/write-behind/journal/claim-check';
import { at, ofType, only, readSnapshot, root } from './infra';

// The acceptance criteria of the story, one by one, and what the issue adds to them.

const premium = readSnapshot('premium');
const managed = readSnapshot('managed');
const premiumGeo = readSnapshot('premium-geo');
const managedGeo = readSnapshot('managed-geo');
const storyTags = { environment: 'production', component: 'cache', ha_enabled: 'true' };

describe('1 and 2: a clustered Premium cache', () => {
  const cache = only(premium, 'Microsoft.Cache/redis');

  test('is a P1 with two shards in zones 1 and 2, with the story’s name and tags', () => {
    expect(cache).toMatchObject({ name: 'redis-oversight-prod', zones: ['1', '2'], tags: storyTags });
    expect(cache.properties).toMatchObject({
      sku: { name: 'Premium', family: 'P', capacity: 1 },
      shardCount: 2,
      zonalAllocationPolicy: 'UserDefined',
    });
  });

  test('evicts by allkeys-lru, tells of expired keys and reserves legal megabytes', () => {
    const settings = at(cache, 'properties.redisConfiguration') as Record<string, string>;
    expect(settings).toMatchObject({ 'maxmemory-policy': 'allkeys-lru', 'notify-keyspace-events': 'Ex' });
    for (const name of ['maxmemory-reserved', 'maxfragmentationmemory-reserved']) {
      expect(Number(settings[name])).toBeGreaterThanOrEqual(615);
      expect(Number(settings[name])).toBeLessThanOrEqual(3686);
    }
  });

  test('is patched from Sunday 02:00 UTC', () => {
    expect(only(premium, 'Microsoft.Cache/redis/patchSchedules').properties).toEqual({
      scheduleEntries: [{ dayOfWeek: 'Sunday', startHourUtc: 2, maintenanceWindow: 'PT5H' }],
    });
  });

  test('is signed in to with Entra tokens; its app and its clients have policies of their own', () => {
    expect(cache.properties).toMatchObject({ disableAccessKeyAuthentication: true, enableNonSslPort: false });
    expect(at(cache, 'properties.redisConfiguration.aad-enabled')).toBe('true');
    expect(only(premium, 'Microsoft.Cache/redis/accessPolicyAssignments').properties).toMatchObject({
      accessPolicyName: 'steward-app',
    });
  });
});

describe('the managed offering', () => {
  const cluster = only(managed, 'Microsoft.Cache/redisEnterprise');
  const database = only(managed, 'Microsoft.Cache/redisEnterprise/databases');

  test('is a Balanced_B10 with high availability and no zones', () => {
    expect(cluster).toMatchObject({ name: 'redis-oversight-prod', sku: { name: 'Balanced_B10' }, tags: storyTags });
    expect(cluster.properties).toMatchObject({ highAvailability: 'Enabled', minimumTlsVersion: '1.2' });
    expect(cluster).not.toHaveProperty('zones');
  });

  test('has one database, clustered, encrypted, without access keys', () => {
    expect(database.name).toBe('redis-oversight-prod/default');
    expect(database.properties).toMatchObject({
      clusteringPolicy: 'OSSCluster',
      clientProtocol: 'Encrypted',
      port: 10000,
      evictionPolicy: 'AllKeysLRU',
      accessKeysAuthentication: 'Disabled',
      persistence: { aofEnabled: false, rdbEnabled: true, rdbFrequency: '1h' },
    });
  });

  test('gives the service at least 18 hours a week to patch in', () => {
    const windows = at(cluster, 'properties.maintenanceConfiguration.maintenanceWindows') as { duration: string }[];
    const hours = windows.map(({ duration }) => Number(/^PT(\d+)H$/.exec(duration)?.[1]));
    expect(windows.length).toBeGreaterThanOrEqual(2);
    expect(hours.reduce((sum, each) => sum + each, 0)).toBeGreaterThanOrEqual(18);
  });

  test('lets in the app by the one policy there is', () => {
    expect(only(managed, 'Microsoft.Cache/redisEnterprise/databases/accessPolicyAssignments').properties).toMatchObject(
      { accessPolicyName: 'default' },
    );
  });
});

describe('3: persistence', () => {
  test('is a snapshot every 60 minutes, written by identity to a closed account that trusts services', () => {
    const settings = at(only(premium, 'Microsoft.Cache/redis'), 'properties.redisConfiguration');
    expect(settings).toMatchObject({
      'rdb-backup-enabled': 'true',
      'rdb-backup-frequency': '60',
      'aof-backup-enabled': 'false',
      'preferred-data-persistence-auth-method': 'ManagedIdentity',
    });
    expect((settings as Record<string, string>)['rdb-storage-connection-string']).toMatch(
      /stbackup.*primaryEndpoints\.blob/,
    );
    const grant = ofType(premium, 'Microsoft.Authorization/roleAssignments').find(({ id }) => id.includes('stbackup'));
    expect(at(grant, 'properties.roleDefinitionId')).toMatch(/ba92f5b4-2d11-453d-a403-e96b0029c9fe/);
  });

  test.each([
    ['premium-geo', premiumGeo],
    ['managed-geo', managedGeo],
  ] as const)('is off with geo-replication (%s)', (_, resources) => {
    expect(JSON.stringify(resources)).not.toMatch(/"(rdb|aof)(-backup-e|E)nabled":\s*("true"|true)/);
    expect(resources.some(({ name }) => name.startsWith('stbackup'))).toBe(false);
  });
});

describe('4: a private endpoint at 10.20.5.4', () => {
  test.each([
    ['premium', premium, 'redisCache', 'privatelink.redis.cache.windows.net', 'Microsoft.Cache/redis'],
    ['managed', managed, 'redisEnterprise', 'privatelink.redis.azure.net', 'Microsoft.Cache/redisEnterprise'],
  ] as const)('of %s, with its name in the right zone', (_, resources, groupId, zone, type) => {
    const endpoint = only(resources, 'Microsoft.Network/privateEndpoints', 'pe-redis');
    expect(endpoint.properties).toMatchObject({
      ipConfigurations: [{ properties: { groupId, memberName: groupId, privateIPAddress: '10.20.5.4' } }],
      privateLinkServiceConnections: [
        { name: 'psc-redis', properties: { groupIds: [groupId], privateLinkServiceId: only(resources, type).id } },
      ],
    });
    expect(at(endpoint, 'properties.subnet.id')).toMatch(/snet-endpoints$/);
    expect(
      only(resources, 'Microsoft.Network/virtualNetworks/subnets', 'vnet-oversight-prod/snet-endpoints').properties,
    ).toMatchObject({ addressPrefix: '10.20.5.0/24', privateEndpointNetworkPolicies: 'Enabled' });
    const group = only(
      resources,
      'Microsoft.Network/privateEndpoints/privateDnsZoneGroups',
      'pe-redis/pdz-group-redis',
    );
    expect(JSON.stringify(group.properties)).toContain(`/privateDnsZones/${zone}"`);
    expect(only(resources, 'Microsoft.Network/privateDnsZones/virtualNetworkLinks', `${zone}/to-vnet-oversight-prod`));
  });

  test.each([
    ['premium', premium],
    ['managed', managed],
  ] as const)('and every other endpoint of %s at an address of its own in the same subnet', (_, resources) => {
    const addresses = ofType(resources, 'Microsoft.Network/privateEndpoints').map((endpoint) =>
      at(endpoint, 'properties.ipConfigurations.0.properties.privateIPAddress'),
    );
    expect(addresses.sort()).toEqual(['10.20.5.4', '10.20.5.5', '10.20.5.6', '10.20.5.7', '10.20.5.8']);
  });

  test.each([
    ['premium', premium, ['6380', '13000-13999', '15000-15999']],
    ['managed', managed, ['10000', '8500-8599']],
  ] as const)('of %s lets in the functions and the web tier, at its ports, and nobody else', (_, resources, ports) => {
    const rules = at(only(resources, 'Microsoft.Network/networkSecurityGroups'), 'properties.securityRules') as {
      name: string;
      properties: Record<string, unknown>;
    }[];
    expect(rules.map(({ name }) => name)).toEqual(['AllowCache', 'AllowStorageAndVault', 'DenyAllElse']);
    expect(rules[0]?.properties).toMatchObject({
      access: 'Allow',
      direction: 'Inbound',
      sourceAddressPrefixes: ['10.20.6.0/24', '10.20.2.0/24'],
      destinationPortRanges: ports,
    });
    expect(rules[2]?.properties).toMatchObject({ access: 'Deny', priority: 4096, protocol: '*' });
  });

  test('the functions leave by a subnet of their own, delegated as Flex Consumption asks', () => {
    const subnet = only(premium, 'Microsoft.Network/virtualNetworks/subnets', 'vnet-oversight-prod/snet-functions');
    expect(subnet.properties).toMatchObject({
      addressPrefix: '10.20.6.0/24',
      delegations: [{ properties: { serviceName: 'Microsoft.App/environments' } }],
    });
    expect(at(only(premium, 'Microsoft.Web/sites'), 'properties.virtualNetworkSubnetId')).toBe(subnet.id);
    expect(at(only(premium, 'Microsoft.Network/virtualNetworks'), 'properties')).toEqual({
      addressSpace: { addressPrefixes: ['10.20.0.0/16'] },
    });
  });
});

describe('5 and 6: the app', () => {
  test('runs on Flex Consumption with Node 22, capped, by identity alone', () => {
    const site = only(managed, 'Microsoft.Web/sites');
    expect(only(managed, 'Microsoft.Web/serverfarms')).toMatchObject({ sku: { name: 'FC1', tier: 'FlexConsumption' } });
    expect(at(site, 'properties.functionAppConfig')).toMatchObject({
      runtime: { name: 'node', version: '22' },
      scaleAndConcurrency: { maximumInstanceCount: 10, instanceMemoryMB: 2048 },
      deployment: { storage: { type: 'blobContainer', authentication: { type: 'UserAssignedIdentity' } } },
    });
    expect(at(site, 'identity.type')).toBe('UserAssigned');
    expect(at(site, 'tags.azd-service-name')).toBe('app');
  });

  test('has the queues that its settings name, and no other', () => {
    const queues = ofType(managed, 'Microsoft.Storage/storageAccounts/queueServices/queues');
    expect(queues.map(({ name }) => name.split('/').at(-1)).sort()).toEqual(
      ['write-behind', 'refresh-ahead', 'sweep', 'alert-notifications'].sort(),
    );
  });

  test('deletes what a journal has left of large values after a year, and nothing else', () => {
    const { policy } = only(managed, 'Microsoft.Storage/storageAccounts/managementPolicies').properties as {
      policy: unknown;
    };
    const container = `${readSettings({}).STORAGE_NAME_PREFIX}-${CLAIMS_CONTAINER}`;
    expect(policy).toEqual({
      rules: [
        {
          ...{ name: 'expire-claims', type: 'Lifecycle', enabled: true },
          definition: {
            filters: { blobTypes: ['blockBlob'], prefixMatch: [`${container}/`] },
            actions: { baseBlob: { delete: { daysAfterModificationGreaterThan: 365 } } },
          },
        },
      ],
    });
  });

  test('keeps its secrets in a vault that gives nothing to those without a role, and is not purged', () => {
    expect(only(managed, 'Microsoft.KeyVault/vaults').properties).toMatchObject({
      enableRbacAuthorization: true,
      enablePurgeProtection: true,
      publicNetworkAccess: 'Disabled',
    });
  });

  test('has the roles it needs, each on one resource', () => {
    const granted = ofType(managed, 'Microsoft.Authorization/roleAssignments').map(({ id, properties }) => [
      id.split('/providers/')[1]?.split('/')[1],
      String(properties?.roleDefinitionId).split('/').at(-1),
    ]);
    expect(granted.sort()).toEqual(
      [
        ['storageAccounts', 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'],
        ['storageAccounts', '974c5e8b-45b9-4653-ba55-5f855dd0fb88'],
        ['storageAccounts', '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3'],
        ['vaults', '4633458b-17de-408a-b874-0445c86b69e6'],
        ['components', '3913510d-42f4-4e42-8a64-420c390055eb'],
        ['redisEnterprise', '43d0d8ad-25c7-4714-9337-8ba259a9fe05'],
      ].sort(),
    );
  });
});

describe('7: high availability across regions', () => {
  test('Premium: a second cache of the same shape in its own group and region, and a link from the first', () => {
    const first = only(premiumGeo, 'Microsoft.Cache/redis', 'redis-oversight-prod');
    const second = only(premiumGeo, 'Microsoft.Cache/redis', 'redis-oversight-prod-secondary');
    expect(second.location).toBe('westus');
    expect(second.id).toContain('/resourceGroups/rg-oversight-prod-saas-westus/');
    expect(second.properties).toEqual(first.properties);
    expect(first.zones ?? null).toBeNull();
    expect(only(premiumGeo, 'Microsoft.Cache/redis/linkedServers').properties).toEqual({
      linkedRedisCacheId: second.id,
      linkedRedisCacheLocation: 'westus',
      serverRole: 'Secondary',
    });
  });

  test('managed: both databases name both, in one group, and neither has persistence', () => {
    const databases = ofType(managedGeo, 'Microsoft.Cache/redisEnterprise/databases');
    const members = [...new Set(databases.map(({ id }) => id))];
    expect(members).toHaveLength(2);
    const named = databases.map((database) => at(database, 'properties.geoReplication.linkedDatabases'));
    expect(named).toContainEqual(members.map((id) => ({ id })));
    // The first is also founded alone, where it isn't there yet.
    expect(named).toContainEqual([{ id: members[0] }]);
  });

  test.each([
    ['premium-geo', premiumGeo],
    ['managed-geo', managedGeo],
  ] as const)('%s: the second region has a network, an endpoint and the names of both', (_, resources) => {
    expect(only(resources, 'Microsoft.Network/virtualNetworks', 'vnet-oversight-prod-secondary').location).toBe(
      'westus',
    );
    expect(
      at(
        only(resources, 'Microsoft.Network/privateEndpoints', 'pe-redis-secondary'),
        'properties.ipConfigurations.0.properties.privateIPAddress',
      ),
    ).toBe('10.21.5.4');
    expect(ofType(resources, 'Microsoft.Network/virtualNetworks/virtualNetworkPeerings')).toHaveLength(2);
    expect(ofType(resources, 'Microsoft.Network/privateDnsZones/virtualNetworkLinks')).toHaveLength(10);
  });
});

describe('8: monitoring and alerts', () => {
  const { rules } = JSON.parse(readFileSync(join(root, 'alerts', 'rules.json'), 'utf8')) as { rules: Rule[] };

  test.each([
    ['premium', premium, 'Microsoft.Cache/redis'],
    ['managed', managed, 'Microsoft.Cache/redisEnterprise'],
  ] as const)('the metric alerts of %s are the rules that have a metric there', (offering, resources, namespace) => {
    const alerts = ofType(resources, 'Microsoft.Insights/metricAlerts');
    const expected = rules.flatMap((rule) => (rule.azure?.[offering] ? [{ rule, metric: rule.azure[offering] }] : []));
    expect(alerts.map(({ name }) => name)).toEqual(expected.map(({ rule }) => `redis-oversight-prod-${rule.name}`));
    expect(expected.length).toBeGreaterThanOrEqual(5);
    const limit = offering === 'premium' ? 7500 : 30000;
    for (const [index, { rule, metric }] of expected.entries()) {
      const properties = alerts[index]?.properties;
      expect(properties).toMatchObject({ windowSize: rule.azure?.window, evaluationFrequency: rule.azure?.frequency });
      expect(properties?.severity).toBe(rule.severity === 'critical' ? 0 : 2);
      expect(at(properties, 'criteria.allOf.0')).toEqual({
        criterionType: 'StaticThresholdCriterion',
        name: rule.name,
        metricNamespace: namespace,
        metricName: metric.metric,
        timeAggregation: metric.aggregation,
        operator: metric.operator,
        threshold: metric.percentOf === 'maxClients' ? (metric.threshold * limit) / 100 : metric.threshold,
        dimensions: (metric.dimensions ?? []).map((name) => ({ name, operator: 'Include', values: ['*'] })),
      });
    }
  });

  test('a rule fires when no sample has come for ten minutes', () => {
    const rule = only(managed, 'Microsoft.Insights/scheduledQueryRules');
    expect(rule.properties).toMatchObject({ windowSize: 'PT10M', evaluationFrequency: 'PT5M', severity: 0 });
    expect(at(rule, 'properties.criteria.allOf.0')).toMatchObject({ operator: 'LessThan', threshold: 1 });
    expect(at(rule, 'properties.criteria.allOf.0.query')).toContain('"collectMetrics"');
    expect(readFileSync(join(root, 'src', 'functions', 'collect-metrics.ts'), 'utf8')).toContain("'collectMetrics'");
    // Sampled, ten runs of a busy app could all be left out, and the rule would fire for nothing.
    const host = JSON.parse(readFileSync(join(root, 'host.json'), 'utf8')) as unknown;
    expect(at({ host }, 'host.logging.applicationInsights.samplingSettings.excludedTypes')).toMatch(/Request/);
  });

  test('geo-replication is watched where its metric is: on the secondary of Premium, on the cache when managed', () => {
    for (const [resources, metric, cache] of [
      [premiumGeo, 'GeoReplicationHealthy', 'redis-oversight-prod-secondary'],
      [managedGeo, 'geoReplicationHealthy', 'redis-oversight-prod'],
    ] as const) {
      const alert = only(resources, 'Microsoft.Insights/metricAlerts', 'redis-oversight-prod-GeoReplicationUnhealthy');
      expect(at(alert, 'properties.criteria.allOf.0.metricName')).toBe(metric);
      expect(at(alert, 'properties.scopes.0')).toMatch(new RegExp(`/${cache}$`));
    }
  });

  test('metrics and logs go to a workspace that keeps them for 30 days, each from where the platform has it', () => {
    expect(at(only(premium, 'Microsoft.OperationalInsights/workspaces'), 'properties.retentionInDays')).toBe(30);
    const setting = (resources: typeof premium, owner: RegExp) =>
      ofType(resources, 'Microsoft.Insights/diagnosticSettings').find(({ id }) => owner.test(id));
    const onPremium = setting(premium, /redis\/redis-oversight-prod\/providers/);
    expect(onPremium).toMatchObject({
      name: 'diag-redis',
      properties: { logs: expect.anything(), metrics: expect.anything() },
    });
    const onCluster = setting(managed, /redisEnterprise\/redis-oversight-prod\/providers/)?.properties;
    expect(onCluster).toMatchObject({ metrics: [{ category: 'AllMetrics', enabled: true }] });
    expect(onCluster).not.toHaveProperty('logs');
    const onDatabase = setting(managed, /databases\/default\/providers/)?.properties;
    expect(onDatabase).toMatchObject({ logs: [{ categoryGroup: 'allLogs', enabled: true }] });
    expect(onDatabase).not.toHaveProperty('metrics');
  });

  test.each([
    ['premium', premium],
    ['managed', managed],
  ] as const)('the workbook of %s has the story’s four groups and the app’s jobs', (_, resources) => {
    const { items } = JSON.parse(
      at(only(resources, 'Microsoft.Insights/workbooks'), 'properties.serializedData') as string,
    ) as {
      items: { name: string; type: number }[];
    };
    expect(items.map(({ name }) => name)).toEqual([
      'Heading',
      'Memory',
      'Performance',
      'Connections',
      'Persistence',
      'Jobs',
    ]);
  });

  test('an action group is notified', () => {
    const group = only(managed, 'Microsoft.Insights/actionGroups');
    for (const alert of ofType(managed, 'Microsoft.Insights/metricAlerts')) {
      expect(at(alert, 'properties.actions')).toEqual([{ actionGroupId: group.id }]);
    }
  });
});

interface Rule {
  readonly name: string;
  readonly severity: string;
  readonly azure?: {
    readonly window: string;
    readonly frequency: string;
    readonly premium?: Metric;
    readonly managed?: Metric;
  };
}

interface Metric {
  readonly metric: string;
  readonly aggregation: string;
  readonly operator: string;
  readonly threshold: number;
  readonly percentOf?: string;
  readonly dimensions?: readonly string[];
}
