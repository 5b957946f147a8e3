import { only, parameterFiles, readSnapshot } from '../infra/infra';
import { deployedSettings, guidOf, propertyOf } from './app-settings';
import { evaluate } from './template-expression';

const scope = {
  reference: (id: string, path: readonly string[]) => `<${id} ${path.join('.')}>`,
  parameter: (name: string) => `<${name}>`,
};

test.each([
  ['a text', 'a text'],
  ['', ''],
  ["[parameters('databaseUrl')]", '<databaseUrl>'],
  ["[reference('/a/b', '2025-06-01').primaryEndpoints.blob]", '</a/b primaryEndpoints.blob>'],
  ["[format('rediss://{0}:{1}', reference('/c', '1').hostName, 10000)]", 'rediss://</c hostName>:10000'],
  ["[format('it''s {0}', 'x')]", "it's x"],
])('%s is set as %s', (text, value) => {
  expect(evaluate(text, scope)).toBe(value);
});

test.each([["[listKeys('/a', '1').keys]"], ["[reference('/a', '1')]"], ['[1 + 2]'], ["[parameters('a') 1]"]])(
  '%s is refused, not guessed',
  (text) => {
    expect(() => evaluate(text, scope)).toThrow(/^Expected/);
  },
);

test.each(parameterFiles)('%s: no setting is an expression any more, and none is added or missing', (name) => {
  const resources = readSnapshot(name);
  const settings = deployedSettings(resources, { databaseUrl: 'postgres://x' });
  const template = only(resources, 'Microsoft.Web/sites/config').properties as Record<string, string>;
  expect(Object.keys(settings)).toEqual(Object.keys(template));
  expect(Object.values(settings).filter((value) => value.includes('['))).toEqual([]);
  expect(settings).toMatchObject({ DATABASE_URL: 'postgres://x', ALERT_WEBHOOK_URL: '' });
});

test('the addresses are those of the deployment’s own resources', () => {
  const resources = readSnapshot('managed');
  const account = only(resources, 'Microsoft.Storage/storageAccounts').name;
  const identity = only(resources, 'Microsoft.ManagedIdentity/userAssignedIdentities');
  expect(deployedSettings(resources)).toMatchObject({
    AzureWebJobsStorage__queueServiceUri: `https://${account}.queue.core.windows.net/`,
    AzureWebJobsStorage__clientId: guidOf(`${identity.id} client`),
    REDIS_URL: 'rediss://redis-oversight-prod.eastus.redis.azure.net:10000',
    REDIS_ENTRA_USER: guidOf(`${identity.id} principal`),
  });
  expect(deployedSettings(readSnapshot('premium')).REDIS_URL).toBe(
    'rediss://redis-oversight-prod.redis.cache.windows.net:6380',
  );
});

test('an operator’s settings go last', () => {
  expect(deployedSettings(readSnapshot('dev'), { settings: { CACHE_NAME: 'mine', X: '1' } })).toMatchObject({
    CACHE_NAME: 'mine',
    X: '1',
  });
});

test('a property that a resource doesn’t have is refused', () => {
  const account = only(readSnapshot('dev'), 'Microsoft.Storage/storageAccounts');
  expect(() => propertyOf(account, ['primaryEndpoints', 'file'])).toThrow('primaryEndpoints.file');
});
