import { type Finding, fault, ok } from '../../doctor';
import { api, type Context, type Durability, listOf, property } from './context';
import type { ArmResource } from './resource-manager';

/** The cache itself: there, of the size asked, encrypted, closed, and durable as asked. */
export const checkCache = async (context: Context): Promise<Finding[]> => [
  ...checkState(context),
  checkTier(context),
  checkShards(context),
  checkTls(context),
  checkPublicAccess(context),
  await checkDurability(context),
];

const checkState = ({ cache, database }: Context): Finding[] =>
  [...new Set([cache, database])].map((resource) => {
    const state = String(property(resource, 'provisioningState'));
    return state === 'Succeeded'
      ? ok('cache.state', `${resource.name} is provisioned`)
      : fault('cache.state', `${resource.name} is ${state}`, 'wait for it, or read its activity log');
  });

function checkTier({ offering, cache, asked }: Context): Finding {
  const tier = skuOf(cache, offering);
  if (asked && asked.sku !== tier) {
    return fault('cache.tier', `${tier}, asked for was ${asked.sku}`, 'deploy again, or verify with another --expect');
  }
  const legal = offering === 'managed' || tier.startsWith('Premium');
  return legal
    ? ok('cache.tier', tier)
    : fault('cache.tier', tier, 'only Premium has clusters, persistence and geo-replication');
}

function checkShards({ offering, cache, database, asked }: Context): Finding {
  if (offering === 'managed')
    return ok('cache.shards', `the service’s own choice (${property(database, 'clusteringPolicy')})`);
  const shards = Number(property(cache, 'shardCount') ?? 0);
  const wanted = asked?.shards;
  if (shards < 1 || (wanted !== undefined && wanted !== shards)) {
    return fault('cache.shards', `${shards}, asked for were ${wanted ?? 'one or more'}`, 'deploy again to scale');
  }
  return ok('cache.shards', String(shards));
}

function checkTls({ offering, cache, database }: Context): Finding {
  const minimum = String(property(cache, 'minimumTlsVersion'));
  const open =
    offering === 'premium'
      ? property(cache, 'enableNonSslPort') === true
      : property(database, 'clientProtocol') !== 'Encrypted';
  if (minimum !== '1.2' || open) {
    const detail = open ? 'a port without TLS is open' : `TLS ${minimum} is let in`;
    return fault('cache.tls', detail, 'deploy again: the template asks for TLS 1.2 and no other port');
  }
  return ok('cache.tls', 'TLS 1.2, and no port without it');
}

function checkPublicAccess({ cache }: Context): Finding {
  const access = String(property(cache, 'publicNetworkAccess'));
  return access === 'Disabled'
    ? ok('cache.public', 'public network access is off')
    : fault('cache.public', `public network access is ${access}`, 'deploy again: the template turns it off');
}

async function checkDurability(context: Context): Promise<Finding> {
  const actual = durabilityOf(context);
  const wanted = context.asked?.durability;
  if (wanted !== undefined && wanted !== actual) {
    return fault('cache.durability', `${words[actual]}, asked for was ${words[wanted]}`, 'deploy again');
  }
  const broken = actual === 'geo' ? await brokenLink(context) : undefined;
  return broken === undefined
    ? ok('cache.durability', words[actual])
    : fault('cache.durability', broken, 'see docs/infrastructure.md, "Geo-replication"');
}

const words: Readonly<Record<Durability, string>> = {
  none: 'no persistence',
  rdb: 'snapshots (RDB)',
  aof: 'append-only file (AOF)',
  geo: 'geo-replication',
};

/** `Premium P1`, or the size of a managed cache. */
export function skuOf(
  cache: { readonly sku?: unknown; readonly properties?: unknown },
  offering: Context['offering'],
): string {
  if (offering === 'managed') return String((cache.sku as ArmResource['sku'])?.name);
  return `${property(cache, 'sku.name')} ${property(cache, 'sku.family')}${property(cache, 'sku.capacity')}`;
}

export function durabilityOf({
  offering,
  cache,
  database,
}: Pick<Context, 'offering' | 'cache' | 'database'>): Durability {
  if (offering === 'premium') {
    if (listOf(cache, 'linkedServers').length > 0) return 'geo';
    const settings = (property(cache, 'redisConfiguration') ?? {}) as Record<string, string>;
    if (settings['rdb-backup-enabled'] === 'true') return 'rdb';
    return settings['aof-backup-enabled'] === 'true' ? 'aof' : 'none';
  }
  if (listOf(database, 'geoReplication.linkedDatabases').length > 0) return 'geo';
  if (property(database, 'persistence.rdbEnabled') === true) return 'rdb';
  return property(database, 'persistence.aofEnabled') === true ? 'aof' : 'none';
}

/** What is wrong with the link to the other region; undefined if nothing is. */
async function brokenLink({ arm, offering, cache, database }: Context): Promise<string | undefined> {
  if (offering === 'premium') {
    const links = await arm.list(`${cache.id}/linkedServers`, api.premium);
    const broken = links.find((link) => property(link, 'provisioningState') !== 'Succeeded');
    return broken && `the link to ${broken.name} is ${property(broken, 'provisioningState')}`;
  }
  const databases = listOf<{ id: string; state?: string }>(database, 'geoReplication.linkedDatabases');
  if (databases.length < 2) return 'the group has one member only';
  const unlinked = databases.find(({ state }) => state !== 'Linked');
  return unlinked && `${unlinked.id.split('/').at(-3)} is ${unlinked.state}`;
}
