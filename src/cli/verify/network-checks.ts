import { type Finding, fault, ok } from '../../doctor';
import { api, type Context, listOf, property, sameId } from './context';
import type { ArmResource } from './resource-manager';

const zones = { premium: 'privatelink.redis.cache.windows.net', managed: 'privatelink.redis.azure.net' } as const;

/** The private way to the cache, and the addresses it leads to. */
export async function checkNetwork(context: Context): Promise<{ findings: Finding[]; addresses: readonly string[] }> {
  const { arm, group, cache } = context;
  const all = await arm.list(`${group}/providers/Microsoft.Network/privateEndpoints`, api.network);
  const endpoint = all.find((each) =>
    listOf(each, 'privateLinkServiceConnections').some((connection) =>
      sameId(property(connection, 'privateLinkServiceId'), cache.id),
    ),
  );
  if (endpoint === undefined) {
    const advice = 'deploy again, or look for it in the resource group of the network';
    return {
      findings: [fault('network.endpoint', `no private endpoint leads to ${cache.name}`, advice)],
      addresses: [],
    };
  }
  const addresses = await addressesOf(context, endpoint);
  return { findings: [approved(endpoint, addresses), ...(await checkZone(context, endpoint))], addresses };
}

function approved(endpoint: ArmResource, addresses: readonly string[]): Finding {
  const connection = listOf(endpoint, 'privateLinkServiceConnections')[0] ?? {};
  const status = String(property(connection, 'privateLinkServiceConnectionState.status'));
  return status === 'Approved'
    ? ok('network.endpoint', `${endpoint.name} is approved, at ${addresses.join(', ')}`)
    : fault('network.endpoint', `${endpoint.name} is ${status}`, 'approve its connection on the cache');
}

/** As its network interface has them: where the endpoint really is. */
async function addressesOf({ arm }: Context, endpoint: ArmResource): Promise<readonly string[]> {
  const interfaces = listOf<{ id: string }>(endpoint, 'networkInterfaces');
  const found = await Promise.all(interfaces.map(({ id }) => arm.get(id, api.network)));
  return found.flatMap((each) =>
    each ? listOf(each, 'ipConfigurations').map((part) => String(property(part, 'privateIPAddress'))) : [],
  );
}

/** A zone of the wrong name resolves nothing and says nothing: the name is checked, and that a network uses it. */
async function checkZone({ arm, offering }: Context, endpoint: ArmResource): Promise<Finding[]> {
  const groups = await arm.list(`${endpoint.id}/privateDnsZoneGroups`, api.network);
  const ids = groups.flatMap((each) =>
    listOf(each, 'privateDnsZoneConfigs').map((config) => String(property(config, 'privateDnsZoneId'))),
  );
  const wanted = zones[offering];
  const id = ids.find((each) => each.split('/').at(-1) === wanted);
  if (id === undefined) {
    const names = ids.map((each) => each.split('/').at(-1)).join(', ') || 'no zone';
    return [fault('network.zone', `the endpoint is in ${names}, not in ${wanted}`, 'deploy again')];
  }
  const links = await arm.list(`${id}/virtualNetworkLinks`, api.dns);
  const linked = links.filter((link) => property(link, 'virtualNetworkLinkState') === 'Completed');
  return linked.length > 0
    ? [ok('network.zone', `${wanted}, linked to ${linked.length === 1 ? 'a network' : `${linked.length} networks`}`)]
    : [fault('network.zone', `${wanted} is linked to no network`, 'link it to the app’s network')];
}
