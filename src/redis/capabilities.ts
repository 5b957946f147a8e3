import { RedisUnavailableError } from './errors';
import type { RedisHandle } from './types';

/** What the server can do, probed once. Every probe is optional: a refused one means "no" or "not known". */
export interface Capabilities {
  /** `redis_version` of INFO: `7.0.15`. Valkey reports 7.2.4 there, its own in `valkey_version`. */
  readonly version: string;
  readonly product: 'redis' | 'valkey';
  /** Redis Enterprise, as in Azure Managed Redis: a proxy in front, fewer INFO fields, one database. */
  readonly enterprise: boolean;
  readonly cluster: boolean;
  /** `EXPIRE key seconds NX`: since 7.0, so not on Azure Cache for Redis Premium. */
  readonly expireNx: boolean;
  /** The commands for observation that this server hides or has renamed. */
  readonly hidden: ReadonlySet<string>;
  /** Connected replicas of all masters. */
  readonly replicas: number;
  /** `allkeys-lru` and so on; undefined if INFO lacks it. */
  readonly maxmemoryPolicy: string | undefined;
}

const observing = ['config', 'slowlog', 'latency', 'memory', 'client', 'object', 'lastsave', 'wait'];

const known = new WeakMap<RedisHandle, Promise<Capabilities>>();

/** The server's capabilities, probed at the first call. After a failure the next call probes again. */
export function capabilitiesOf(redis: RedisHandle): Promise<Capabilities> {
  let probing = known.get(redis);
  if (probing === undefined) {
    probing = probe(redis);
    known.set(redis, probing);
    probing.catch(() => known.delete(redis));
  }
  return probing;
}

async function probe(redis: RedisHandle): Promise<Capabilities> {
  const nodes = await redis.nodes('masters');
  const [node] = nodes;
  if (node === undefined)
    throw new RedisUnavailableError('this Redis has no master at present: try again after the failover');
  const infos = await Promise.all(nodes.map(async ({ client }) => parseInfo(await redis.within(client.info()))));
  const described = await redis.within(node.client.call('COMMAND', 'INFO', ...observing)).catch(() => undefined);
  return readCapabilities(infos, hiddenOf(described));
}

/** Pure, so that servers that no test can start are tested from their INFO. */
export function readCapabilities(
  infos: readonly ReadonlyMap<string, string>[],
  hidden: ReadonlySet<string>,
): Capabilities {
  const info = infos[0] ?? new Map<string, string>();
  const version = info.get('redis_version') ?? '0.0.0';
  return {
    version,
    product: info.has('valkey_version') ? 'valkey' : 'redis',
    // Every open-source server, Premium included, has this field; Enterprise does not.
    enterprise: info.has('used_memory') && !info.has('mem_fragmentation_ratio'),
    cluster: info.get('cluster_enabled') === '1',
    expireNx: Number(version.split('.')[0]) >= 7,
    hidden,
    replicas: infos.reduce((sum, each) => sum + Number(each.get('connected_slaves') ?? 0), 0),
    maxmemoryPolicy: info.get('maxmemory_policy'),
  };
}

/** INFO's lines as a map, without headings and blank lines. */
export function parseInfo(text: string): Map<string, string> {
  const fields = new Map<string, string>();
  for (const line of text.split('\n')) {
    const colon = line.indexOf(':');
    if (colon > 0 && !line.startsWith('#')) fields.set(line.slice(0, colon), line.slice(colon + 1).trimEnd());
  }
  return fields;
}

/** COMMAND INFO answers nil for a command that is hidden or renamed. If COMMAND itself is refused, nothing is known. */
function hiddenOf(described: unknown): Set<string> {
  if (!Array.isArray(described)) return new Set();
  return new Set(observing.filter((_, index) => described[index] === null));
}
