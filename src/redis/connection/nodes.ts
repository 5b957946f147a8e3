import type { Cluster, Redis } from 'ioredis';
import { RedisUnavailableError } from '../errors';
import type { RedisClient, RedisNode } from '../types';

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

function toNode(client: Redis, role: RedisNode['role']): RedisNode {
  return { address: addressOf(client), role, client };
}

async function roleOf(client: Redis): Promise<RedisNode['role']> {
  const info = await client.info('replication');
  return /^role:slave/m.test(info) ? 'replica' : 'master';
}

export function refreshSlots(cluster: Cluster): Promise<void> {
  return new Promise((resolve, reject) => {
    cluster.refreshSlotsCache((error) => {
      if (error) reject(new RedisUnavailableError('no node of the cluster answers', { cause: error }));
      else resolve();
    });
  });
}
