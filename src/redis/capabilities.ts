import { RedisUnavailableError } from './errors';
import type { RedisHandle } from './types';

/** What this server can do, asked once. Every probe is optional: a refused one means "can't" or "not known". */
export interface Capabilities {
  /** `redis_version` of INFO: `7.0.15`. Valkey reports 7.2.4 there, its own in `valkey_version`. */
  readonly version: string;
  readonly product: 'redis' | 'valkey';
  /** Redis Enterprise's dialect, which Azure Managed Redis speaks: a proxy in front, fewer INFO fields, one database. */
  readonly enterprise: boolean;
  readonly cluster: boolean;
  /** `EXPIRE key seconds NX`: since 7.0, so not on Azure Cache for Redis Premium. */
  readonly expireNx: boolean;
  /** Of the commands that only observation needs, those that this server hides or has renamed. */
  readonly hidden: ReadonlySet<string>;
  /** Replicas connected to the nodes asked, summed. */
  readonly replicas: number;
  /** `allkeys-lru` and so on; undefined where the server doesn't tell. */
  readonly maxmemoryPolicy: string | undefined;
}

const observing = ['config', 'slowlog', 'latency', 'memory', 'client', 'object', 'lastsave', 'wait'];

const known = new WeakMap<RedisHandle, Promise<Capabilities>>();

/** The server's capabilities, probed at the first call; a probe that failed is made again at the next. */
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
  if (node === undefined) throw new RedisUnavailableError('this Redis has no master at present');
  const infos = await Promise.all(nodes.map(async ({ client }) => parseInfo(await redis.within(client.info()))));
  const described = await redis.within(node.client.call('COMMAND', 'INFO', ...observing)).catch(() => undefined);
  return readCapabilities(infos, hiddenOf(described));
}

/** Pure, so that the dialects of servers that can't be had here are tested from their INFO. */
export function readCapabilities(
  infos: readonly ReadonlyMap<string, string>[],
  hidden: ReadonlySet<string>,
): Capabilities {
  const info = infos[0] ?? new Map<string, string>();
  const version = info.get('redis_version') ?? '0.0.0';
  return {
    version,
    product: info.has('valkey_version') ? 'valkey' : 'redis',
    // Open-source servers of any age, Premium's included, have this field; Enterprise has not.
    enterprise: info.has('used_memory') && !info.has('mem_fragmentation_ratio'),
    cluster: info.get('cluster_enabled') === '1',
    expireNx: Number(version.split('.')[0]) >= 7,
    hidden,
    replicas: infos.reduce((sum, each) => sum + Number(each.get('connected_slaves') ?? 0), 0),
    maxmemoryPolicy: info.get('maxmemory_policy'),
  };
}

/** INFO's lines as a map; headings and blank lines left out. */
export function parseInfo(text: string): Map<string, string> {
  const fields = new Map<string, string>();
  for (const line of text.split('\n')) {
    const colon = line.indexOf(':');
    if (colon > 0 && !line.startsWith('#')) fields.set(line.slice(0, colon), line.slice(colon + 1).trimEnd());
  }
  return fields;
}

/** COMMAND INFO answers nil for what isn't there under its own name. Where COMMAND itself is refused, nothing is known. */
function hiddenOf(described: unknown): Set<string> {
  if (!Array.isArray(described)) return new Set();
  return new Set(observing.filter((_, index) => described[index] === null));
}
