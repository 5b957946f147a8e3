import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { unverified } from './asked';
import type { Program } from './packages';
import { type RedisOptions, type RunningRedis, startRedis } from './redis';
import { credentialsOf, eachUser, type RedisUser } from './users';

export interface ClusterOptions extends Omit<RedisOptions, 'cluster'> {
  readonly masters: number;
  /** Replicas of each master. Default: 0. */
  readonly replicas?: number;
  /** The program of each node, masters first. Default: `program` for all. */
  readonly programs?: readonly Program[];
}

export interface RunningCluster {
  /** Masters first, then replicas. */
  readonly nodes: readonly RunningRedis[];
  /** `host:port` of every node, as REDIS_NODES takes them. */
  readonly addresses: readonly string[];
  /** Settings of the app that reach it as this user. */
  readonly environments: Readonly<Record<RedisUser, Readonly<Record<string, string>>>>;
  stop(): Promise<void>;
}

const SLOTS = 16_384;
const READY_MS = 30_000;

/** A cluster on free ports; resolves when every node sees all slots served and every replica its master. */
export async function startRedisCluster(options: ClusterOptions): Promise<RunningCluster> {
  const { masters, replicas = 0, programs = [], ...server } = options;
  const count = masters * (1 + replicas);
  const started = await Promise.allSettled(
    Array.from({ length: count }, (_, index) => {
      const program = programs[index];
      return startRedis({ ...server, cluster: true, ...(program && { program }) });
    }),
  );
  const nodes = started.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  const stop = async () => {
    await Promise.all(nodes.map((node) => node.stop()));
  };
  const clients = nodes.map(connect);
  try {
    const failed = started.find((result) => result.status === 'rejected');
    if (failed) throw failed.reason;
    await join(clients, nodes, masters);
    const addresses = nodes.map(({ host, port }) => `${host}:${port}`);
    return { nodes, addresses, environments: environmentsOf(addresses, server), stop };
  } catch (error: unknown) {
    await stop();
    throw error;
  } finally {
    for (const client of clients) client.disconnect();
  }
}

function environmentsOf(addresses: readonly string[], { tlsDir, password }: RedisOptions) {
  return eachUser((user) => ({
    REDIS_NODES: addresses.join(','),
    // A certificate names the host, while nodes announce themselves by address.
    REDIS_URL: `redis${tlsDir ? 's' : ''}://${credentialsOf(user, password)}localhost`,
    ...(tlsDir && { REDIS_TLS_CA_FILE: `${tlsDir}/ca.pem` }),
  }));
}

function connect(node: RunningRedis): Redis {
  const client = new Redis(node.adminUrl, {
    enableReadyCheck: false,
    maxRetriesPerRequest: 1,
    ...(node.adminUrl.startsWith('rediss:') && { tls: unverified }),
  });
  client.on('error', () => {});
  return client;
}

async function join(clients: readonly Redis[], nodes: readonly RunningRedis[], masters: number): Promise<void> {
  await Promise.all(clients.map((client, index) => client.call('CLUSTER', 'SET-CONFIG-EPOCH', index + 1)));
  for (let index = 0; index < masters; index += 1) {
    const from = Math.floor((SLOTS * index) / masters);
    const to = Math.floor((SLOTS * (index + 1)) / masters);
    // Not ADDSLOTSRANGE: Redis 6.0 hasn't got it.
    await clients[index]?.call('CLUSTER', 'ADDSLOTS', ...Array.from({ length: to - from }, (_, slot) => from + slot));
  }
  const [first, ...others] = nodes;
  for (const { host, port } of others) await clients[0]?.call('CLUSTER', 'MEET', host, port);
  if (first === undefined) return;
  await eachNode(clients, (info) => info.includes(`cluster_known_nodes:${nodes.length}\r`));
  for (let index = masters; index < clients.length; index += 1) {
    const master = await clients[index % masters]?.call('CLUSTER', 'MYID');
    await retried(() => clients[index]?.call('CLUSTER', 'REPLICATE', master as string));
  }
  await eachNode(clients, (info) => /cluster_state:ok\r/.test(info) && info.includes(`cluster_size:${masters}\r`));
  for (const client of clients.slice(masters)) {
    await poll(async () => (await client.info('replication')).includes('master_link_status:up'));
  }
  if (clients.length > masters) await showReplicas(clients, masters);
}

/** CLUSTER SLOTS leaves out a replica until it has copied something and the queried node knows of that. */
async function showReplicas(clients: readonly Redis[], masters: number): Promise<void> {
  // Goes to the replicas from an empty master too.
  await Promise.all(clients.slice(0, masters).map((client) => client.flushall()));
  for (const client of clients) {
    await poll(async () => {
      const ranges = (await client.call('CLUSTER', 'SLOTS')) as unknown[][];
      return ranges.reduce((known, range) => known + range.length - 2, 0) === clients.length;
    });
  }
}

async function eachNode(clients: readonly Redis[], holds: (info: string) => boolean): Promise<void> {
  for (const client of clients) await poll(async () => holds(String(await client.call('CLUSTER', 'INFO'))));
}

/** A node refuses to replicate one that its gossip hasn't reached yet. */
async function retried(work: () => Promise<unknown> | undefined): Promise<void> {
  await poll(async () => {
    try {
      await work();
      return true;
    } catch {
      return false;
    }
  });
}

async function poll(holds: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + READY_MS;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`The cluster was not ready after ${READY_MS} ms`);
    await sleep(50);
  }
}
