import type { Cluster, Redis } from 'ioredis';
import { parseInfo } from '../capabilities';
import { RedisUnavailableError } from '../errors';
import type { RedisClient, RedisNode } from '../types';
import type { SharedRedis } from './shared-client';
import type { Address } from './target';

/** `host:port` of a connection, as the client reaches it. */
export function addressOf(client: Redis): string {
  const { host, port, sentinels } = client.options;
  // Behind sentinels the options do not name the server; the socket does.
  if (sentinels && 'remotePort' in client.stream) return `${client.stream.remoteAddress}:${client.stream.remotePort}`;
  return `${host ?? 'localhost'}:${port ?? 6379}`;
}

export function isCluster(client: RedisClient): client is Cluster {
  // Not `instanceof`: an application's own client may come from another copy of ioredis.
  return client.isCluster;
}

/** The present nodes; a cluster's map of slots is read again first. */
export async function nodesOf(client: RedisClient, which: 'masters' | 'all'): Promise<readonly RedisNode[]> {
  if (!isCluster(client)) {
    const role = await roleOf(client);
    return which === 'masters' && role === 'replica' ? [] : [{ address: addressOf(client), role, client }];
  }
  await refreshSlots(client);
  const masters = client.nodes('master').map((node) => toNode(node, 'master'));
  return which === 'masters' ? masters : [...masters, ...client.nodes('slave').map((node) => toNode(node, 'replica'))];
}

/** `host:port` of the master that owns the slot, as far as this process knows; undefined without a cluster. */
export const slotAddress = (client: RedisClient, slot: number): string | undefined =>
  isCluster(client) ? client.slots[slot]?.[0] : undefined;

/** The connection to the master that owns the slot, as far as this process knows; a redirect may still follow. */
export function ownerOf(client: RedisClient, slot: number | undefined): Redis | undefined {
  if (!isCluster(client)) return client;
  const address = slot === undefined ? undefined : slotAddress(client, slot);
  return client.nodes('master').find((node) => addressOf(node) === address);
}

const toNode = (client: Redis, role: RedisNode['role']): RedisNode => ({ address: addressOf(client), role, client });

async function roleOf(client: Redis): Promise<RedisNode['role']> {
  const info = await client.info('replication');
  return /^role:slave/m.test(info) ? 'replica' : 'master';
}

export const refreshSlots = (cluster: Cluster): Promise<void> =>
  new Promise((resolve, reject) => {
    cluster.refreshSlotsCache((error) => {
      if (error) reject(new RedisUnavailableError('no node of the cluster answers', { cause: error }));
      else resolve();
    });
  });

/** Connections to the replicas behind sentinels, for observation only. Each is kept while its replica is listed. */
export class ReplicaClients {
  readonly #clients = new Map<string, SharedRedis>();

  constructor(private readonly connect: (address: Address) => SharedRedis) {}

  /** The replicas that the primary lists now. */
  async of(primary: Redis): Promise<readonly RedisNode[]> {
    const listed = replicasIn(await primary.info('replication'));
    const known = new Set(listed.map(({ host, port }) => `${host}:${port}`));
    for (const [address, client] of this.#clients) {
      if (known.has(address)) continue;
      this.#clients.delete(address);
      client.disconnect();
    }
    return listed.map(({ host, port }) => {
      const address = `${host}:${port}`;
      const client = this.#clients.get(address) ?? this.connect({ host, port });
      this.#clients.set(address, client);
      return { address, role: 'replica', client };
    });
  }

  close(): void {
    for (const client of this.#clients.values()) {
      client.disconnect();
      client.giveUp();
    }
    this.#clients.clear();
  }
}

/** `slave0:ip=10.0.0.2,port=6379,state=online,...` of INFO; replicas that still copy are left out. */
export function replicasIn(info: string): readonly Address[] {
  const lines = [...parseInfo(info)].filter(([field]) => /^slave\d+$/.test(field));
  return lines.flatMap(([, value]) => {
    const fields = new Map(value.split(',').map((pair) => pair.split('=') as [string, string]));
    const [host, port] = [fields.get('ip'), Number(fields.get('port'))];
    return host !== undefined && port > 0 && fields.get('state') === 'online' ? [{ host, port }] : [];
  });
}
