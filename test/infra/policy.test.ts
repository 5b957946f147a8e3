import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { at, ofType, parameterFiles, type Resource, readSnapshot, root } from './infra';

// Walks every resource of every parameter file.

/** All that the internet can reach, and why it must. Anything else that is public fails. */
const publicByPurpose: Readonly<Record<string, string>> = {
  'Microsoft.Web/sites':
    'called and published to from allowed addresses only: a private endpoint breaks publishing on Flex Consumption',
  'Microsoft.Storage/storageAccounts/backup':
    'a Premium cache comes as a trusted service, by its identity, through a closed firewall',
  'Microsoft.OperationalInsights/workspaces': 'Azure Monitor’s endpoints: Entra tokens only',
  'Microsoft.Insights/components': 'Azure Monitor’s endpoints: Entra tokens only',
};

/** Types that have diagnostic settings; each resource of them must have one. */
const diagnosed = [
  'Microsoft.Cache/redis',
  'Microsoft.Cache/redisEnterprise',
  'Microsoft.Cache/redisEnterprise/databases',
  'Microsoft.KeyVault/vaults',
  'Microsoft.Network/networkSecurityGroups',
  'Microsoft.Network/virtualNetworks',
  'Microsoft.OperationalInsights/workspaces',
  'Microsoft.Storage/storageAccounts/blobServices',
  'Microsoft.Storage/storageAccounts/queueServices',
  'Microsoft.Storage/storageAccounts/tableServices',
];

/** Children and extensions: the platform takes no tags on them. */
const tagless = [
  /^Microsoft\.Authorization\//,
  /^Microsoft\.Insights\/diagnosticSettings$/,
  /^Microsoft\.Cache\/redis\/.+/,
  /^Microsoft\.Cache\/redisEnterprise\/.+/,
  /^Microsoft\.Storage\/storageAccounts\/.+/,
  /^Microsoft\.Web\/sites\/.+/,
  /^Microsoft\.Network\/virtualNetworks\/.+/,
  /^Microsoft\.Network\/privateEndpoints\/.+/,
];

function purposeOf(resource: Resource): string {
  const backup = resource.name.startsWith('stbackup') ? '/backup' : '';
  return `${resource.type}${backup}`;
}

describe.each(parameterFiles)('%s', (name) => {
  const resources = readSnapshot(name);

  test('nothing is public but what the list says', () => {
    const open = resources.filter((resource) => {
      const said = ['publicNetworkAccess', 'publicNetworkAccessForIngestion', 'publicNetworkAccessForQuery']
        .map((property) => at(resource, `properties.${property}`))
        .filter((value) => value !== undefined);
      return said.some((value) => value !== 'Disabled') || resource.type === 'Microsoft.Network/publicIPAddresses';
    });
    expect(open.map(purposeOf).filter((purpose) => !(purpose in publicByPurpose))).toEqual([]);
  });

  test('whatever can be private says that it is', () => {
    const silent = resources.filter(
      ({ type, properties }) =>
        /^Microsoft\.(Cache\/redis(Enterprise)?|Storage\/storageAccounts|KeyVault\/vaults|Web\/sites)$/.test(type) &&
        properties?.publicNetworkAccess === undefined,
    );
    expect(silent).toEqual([]);
  });

  test('what is public is closed but for its purpose', () => {
    for (const site of ofType(resources, 'Microsoft.Web/sites')) {
      expect(at(site, 'properties.siteConfig')).toMatchObject({
        ipSecurityRestrictionsDefaultAction: 'Deny',
        scmIpSecurityRestrictionsUseMain: true,
      });
      expect(at(site, 'properties.httpsOnly')).toBe(true);
    }
    for (const account of ofType(resources, 'Microsoft.Storage/storageAccounts')) {
      const backup = account.name.startsWith('stbackup');
      expect(account.properties?.networkAcls).toEqual({
        bypass: backup ? 'AzureServices' : 'None',
        defaultAction: 'Deny',
      });
    }
  });

  test('nothing speaks less than TLS 1.2', () => {
    const minimum: Readonly<Record<string, [string, string]>> = {
      'Microsoft.Cache/redis': ['properties.minimumTlsVersion', '1.2'],
      'Microsoft.Cache/redisEnterprise': ['properties.minimumTlsVersion', '1.2'],
      'Microsoft.Storage/storageAccounts': ['properties.minimumTlsVersion', 'TLS1_2'],
      'Microsoft.Web/sites': ['properties.siteConfig.minTlsVersion', '1.2'],
    };
    const asked = resources.filter(({ type }) => type in minimum);
    expect(asked.length).toBeGreaterThanOrEqual(3);
    for (const resource of asked) {
      const [path, version] = minimum[resource.type]!;
      expect([resource.name, at(resource, path)]).toEqual([resource.name, version]);
    }
    for (const cache of ofType(resources, 'Microsoft.Cache/redis')) {
      expect(cache.properties?.enableNonSslPort).toBe(false);
    }
    for (const database of ofType(resources, 'Microsoft.Cache/redisEnterprise/databases')) {
      expect(database.properties?.clientProtocol).toBe('Encrypted');
    }
  });

  test('no shared key works where an identity does', () => {
    const off: Readonly<Record<string, [string, unknown]>> = {
      'Microsoft.Cache/redis': ['properties.disableAccessKeyAuthentication', true],
      'Microsoft.Cache/redisEnterprise/databases': ['properties.accessKeysAuthentication', 'Disabled'],
      'Microsoft.Storage/storageAccounts': ['properties.allowSharedKeyAccess', false],
      'Microsoft.Insights/components': ['properties.DisableLocalAuth', true],
      'Microsoft.OperationalInsights/workspaces': ['properties.features.disableLocalAuth', true],
      'Microsoft.KeyVault/vaults': ['properties.enableRbacAuthorization', true],
      'Microsoft.Web/sites/basicPublishingCredentialsPolicies': ['properties.allow', false],
    };
    for (const resource of resources.filter(({ type }) => type in off)) {
      const [path, value] = off[resource.type]!;
      expect([resource.name, at(resource, path)]).toEqual([resource.name, value]);
    }
    expect(JSON.stringify(resources)).not.toMatch(/listKeys|listAccountSas|AccountKey=|SharedAccessKey/i);
  });

  test('whatever has diagnostics sends them to the workspace', () => {
    const settings = ofType(resources, 'Microsoft.Insights/diagnosticSettings');
    const covered = new Set(settings.map((setting) => setting.id.split('/providers/Microsoft.Insights/')[0]));
    const uncovered = resources.filter(({ type, id }) => diagnosed.includes(type) && !covered.has(id));
    expect(uncovered.map(({ id }) => id)).toEqual([]);
    for (const setting of settings) expect(setting.properties?.workspaceId).toMatch(/\/workspaces\/log-/);
  });

  test('everything that takes tags has them', () => {
    const taggable = resources.filter(({ type }) => !tagless.some((pattern) => pattern.test(type)));
    const untagged = taggable.filter(
      ({ tags }) => !(tags?.environment && tags.component === 'cache' && tags.ha_enabled),
    );
    expect(untagged.map(({ id }) => id)).toEqual([]);
    expect(taggable.length).toBeGreaterThan(20);
  });

  test('roles are given to identities, named once each, and never at the scope of the whole group', () => {
    const roles = ofType(resources, 'Microsoft.Authorization/roleAssignments');
    for (const role of roles) {
      expect(role.properties?.principalType).toBe('ServicePrincipal');
      expect(role.id).toMatch(
        /\/providers\/(?!Microsoft\.Authorization)[^/]+\/.+\/providers\/Microsoft\.Authorization\//,
      );
      expect(role.properties?.description).toBeTruthy();
    }
    expect(new Set(roles.map(({ id }) => id)).size).toBe(roles.length);
  });
});

test('every exception to being private is one that is used', () => {
  const used = new Set(
    parameterFiles
      .flatMap(readSnapshot)
      .filter((resource) => JSON.stringify(resource.properties ?? {}).includes('"Enabled"'))
      .map(purposeOf),
  );
  expect(Object.keys(publicByPurpose).filter((purpose) => !used.has(purpose))).toEqual([]);
});

test('the template asks nothing of the clock or of chance, so that deploying again changes nothing', () => {
  const text = templateText();
  expect(text).not.toMatch(/\b(utcNow|newGuid|dateTimeAdd|dateTimeToEpoch)\s*\(/);
  expect(text).not.toMatch(/@\d{4}-\d{2}-\d{2}-alpha/);
});

test('no output holds a secret', () => {
  const outputs = templateText()
    .split('\n')
    .filter((line) => line.startsWith('output '));
  expect(outputs.length).toBeGreaterThan(10);
  expect(outputs.filter((line) => /listKeys|primaryKey|password|secret|databaseUrl/i.test(line))).toEqual([]);
});

/** All of infra's Bicep in one text. */
function templateText(): string {
  return globSync('infra/**/*.bicep', { cwd: root })
    .map((file) => readFileSync(join(root, file), 'utf8'))
    .join('\n');
}
