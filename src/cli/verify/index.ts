import { type Finding, fault, skipped } from '../../doctor';
import { checkApp } from './app-checks';
import { checkCache, durabilityOf, skuOf } from './cache-checks';
import { type Asked, api, type Context, property } from './context';
import { checkNetwork } from './network-checks';
import type { ArmResource, ResourceManager } from './resource-manager';
import { checkWatch } from './watch-checks';

export interface VerifyOptions {
  readonly arm: ResourceManager;
  readonly subscriptionId: string;
  readonly resourceGroup: string;
  /** Name of the cache, if the resource group has several. */
  readonly cacheName?: string | undefined;
  /** The resources of a snapshot: what was asked for. */
  readonly snapshot?: readonly ArmResource[] | undefined;
  /** Whether the app is asked to check itself. */
  readonly selfCheck: boolean;
  readonly fetch: typeof fetch;
}

/** Holds a deployment against what it should be. Rejects with `E_RESOURCE_MANAGER` if it may not look. */
export async function verify(options: VerifyOptions): Promise<readonly Finding[]> {
  const group = `/subscriptions/${options.subscriptionId}/resourceGroups/${options.resourceGroup}`;
  const caches = await findCaches(options, group);
  const [found] = caches;
  if (caches.length !== 1 || found === undefined) {
    const names = caches.map(({ name }) => name).join(', ');
    return [
      fault(
        'cache.found',
        names === ''
          ? `${options.resourceGroup} has no cache`
          : `${options.resourceGroup} has several caches: ${names}`,
        names === '' ? 'look for the resource group’s name' : 'name one with --cache',
      ),
    ];
  }
  const context = await contextOf(options, group, found);
  const network = await checkNetwork(context);
  return [
    ...(await checkCache(context)),
    ...network.findings,
    ...(await checkWatch(context)),
    ...(options.selfCheck
      ? await checkApp(context, network.addresses, options.fetch)
      : [skipped('app.selfCheck', 'not asked for')]),
  ];
}

async function findCaches({ arm, cacheName }: VerifyOptions, group: string) {
  const [premium, managed] = await Promise.all([
    arm.list(`${group}/providers/Microsoft.Cache/redis`, api.premium),
    arm.list(`${group}/providers/Microsoft.Cache/redisEnterprise`, api.managed),
  ]);
  return [
    ...premium.map((cache) => ({ ...cache, offering: 'premium' as const })),
    ...managed.map((cache) => ({ ...cache, offering: 'managed' as const })),
  ].filter(({ name }) => cacheName === undefined || name === cacheName);
}

async function contextOf(
  { arm, snapshot }: VerifyOptions,
  group: string,
  { offering, ...cache }: ArmResource & Pick<Context, 'offering'>,
): Promise<Context> {
  const nothing = {
    id: `${cache.id}/databases/default`,
    name: 'default',
    properties: { provisioningState: 'missing' },
  };
  const database = offering === 'premium' ? cache : ((await arm.get(nothing.id, api.managed)) ?? nothing);
  const asked = snapshot && askedOf(snapshot, offering, cache.name);
  return { arm, group, offering, cache, database, asked };
}

/** The first cache of the snapshot; names differ from deployment to deployment. */
function askedOf(snapshot: readonly ArmResource[], offering: Context['offering'], name: string): Asked {
  const type = offering === 'premium' ? 'Microsoft.Cache/redis' : 'Microsoft.Cache/redisEnterprise';
  const caches = snapshot.filter((resource) => resource.type === type);
  const cache = caches.find((each) => each.name === name) ?? caches[0];
  if (cache === undefined) return { sku: `no ${offering} cache`, shards: undefined, durability: 'none' };
  const database = snapshot.find(({ id }) => id === `${cache.id}/databases/default`) ?? cache;
  const linked = snapshot.filter((resource) => resource.type === 'Microsoft.Cache/redis/linkedServers');
  const withLinks = { ...cache, properties: { ...cache.properties, linkedServers: linked } };
  return {
    sku: skuOf(cache, offering),
    shards: property(cache, 'shardCount') as number | undefined,
    durability: durabilityOf({ offering, cache: withLinks, database: offering === 'premium' ? withLinks : database }),
  };
}
