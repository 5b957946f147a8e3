import { findTypes } from '../../scripts/bicep.cjs';
import { describeWithBicep, only, parameterFiles, type Resource, readSnapshot } from './infra';
import { createTypeCheck } from './type-check';

describeWithBicep('the provider’s types', () => {
  const resources = parameterFiles.flatMap(readSnapshot);
  const folder = findTypes(resources.map(({ type, apiVersion }) => `${type}@${apiVersion}`));
  if (folder === undefined) {
    test.skip('need the .NET SDK, which brings them', () => undefined);
    return;
  }
  const faultsOf = createTypeCheck(folder);

  test.each(parameterFiles)('hold for every body that %s deploys', (name) => {
    expect(readSnapshot(name).flatMap(faultsOf)).toEqual([]);
  });

  const cache = only(readSnapshot('managed'), 'Microsoft.Cache/redisEnterprise');
  const changed = (properties: Record<string, unknown>): Resource => ({
    ...cache,
    properties: { ...cache.properties, ...properties },
  });

  test.each<[string, Resource, RegExp]>([
    ['an unknown property', changed({ zoneCount: 2 }), /zoneCount: there is no such property/],
    ['a property that is read only', changed({ hostName: 'x' }), /hostName: cannot be written/],
    [
      'a value outside an enum',
      changed({ highAvailability: 'Yes' }),
      /highAvailability: expected "Enabled" or "Disabled"/,
    ],
    ['a required property that is missing', changed({ publicNetworkAccess: null }), /publicNetworkAccess: is required/],
    ['a wrong kind of value', changed({ maintenanceConfiguration: 'Sunday' }), /expected an object/],
    ['an unknown version', { ...cache, apiVersion: '2019-01-01' }, /there is no such type/],
  ])('find %s', (_, resource, reason) => {
    expect(faultsOf(resource).join('\n')).toMatch(reason);
  });
});
