import { Redis } from 'ioredis';
import { findRedis, type RunningRedis, skewedBy, startRedis, startRedisCluster } from '../../local/servers';

export type Topology = 'standalone' | 'cluster';
export const topologies: readonly Topology[] = ['standalone', 'cluster'];

/** Of the masters' clocks to the true one, in ms: apart by nearly all that `skewMarginMs` allows. */
const OFFSETS_MS = [0, 450, -450] as const;
const SKEW_MS = Math.max(...OFFSETS_MS) - Math.min(...OFFSETS_MS);

export interface HistoryServers {
  /** How processes reach it. */
  readonly environment: Readonly<Record<string, string>>;
  /** Masters first, then replicas. */
  readonly nodes: readonly RunningRedis[];
  /** How far the masters' clocks are apart, in ms; 0 if libfaketime is not available. */
  readonly skewMs: number;
  stop(): Promise<void>;
}

/** One server, or three masters whose clocks differ. */
export async function startHistoryServers(
  topology: Topology,
  { args = [], replicas = 0 }: { readonly args?: readonly string[]; readonly replicas?: number } = {},
): Promise<HistoryServers> {
  if (topology === 'standalone') {
    const server = await startRedis({ args });
    return { environment: { REDIS_URL: server.adminUrl }, nodes: [server], skewMs: 0, stop: () => server.stop() };
  }
  const true_ = await findRedis();
  const offsets = Array.from({ length: 3 * (1 + replicas) }, (_, index) => OFFSETS_MS[index % 3] as number);
  const skewed = await Promise.all(offsets.map((offset) => (offset === 0 ? true_ : skewedBy(true_, offset))));
  const programs = skewed.filter((program) => program !== undefined);
  const isSkewed = programs.length === skewed.length;
  const cluster = await startRedisCluster({ masters: 3, replicas, args, ...(isSkewed && { programs }) });
  return {
    environment: cluster.environments.admin,
    nodes: cluster.nodes,
    skewMs: isSkewed ? SKEW_MS : 0,
    stop: () => cluster.stop(),
  };
}

/** Counts the keys that the servers evict, those that matter apart. The servers need `notify-keyspace-events Ee`. */
export async function countEvictions(nodes: readonly RunningRedis[], matters: (key: string) => boolean) {
  const counts = { all: 0, own: 0 };
  const clients = nodes.map(({ adminUrl }) => new Redis(adminUrl));
  for (const client of clients) {
    client.on('pmessage', (_pattern: string, _channel: string, key: string) => {
      counts.all += 1;
      if (matters(key)) counts.own += 1;
    });
    await client.psubscribe('__keyevent@*__:evicted');
  }
  return {
    counts,
    stop() {
      for (const client of clients) client.disconnect();
    },
  };
}
