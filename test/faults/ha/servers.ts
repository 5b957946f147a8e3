import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import type { RunningCluster, RunningRedis, RunningSentinels, SentinelMember } from '../../../local/servers';

/** A server that things happen to, whatever it is a member of. */
export type Server = RunningRedis | SentinelMember;

/** One question on a connection of its own, as the server's default user. */
export async function asked<T>(server: Server, question: (client: Redis) => Promise<T>): Promise<T> {
  const tls = server.adminUrl.startsWith('rediss:') && { tls: { rejectUnauthorized: false } };
  const client = new Redis(server.adminUrl, {
    ...tls,
    enableReadyCheck: false,
    maxRetriesPerRequest: 1,
    disconnectTimeout: 100,
  });
  client.on('error', () => {});
  try {
    return await question(client);
  } finally {
    client.disconnect();
  }
}

/** Waits for what the servers do by themselves. */
export async function until(what: string, holds: () => Promise<boolean>, ms = 60_000): Promise<void> {
  const end = Date.now() + ms;
  while (!(await holds().catch(() => false))) {
    if (Date.now() > end) throw new Error(`Expected that ${what} within ${ms / 1_000} s`);
    await sleep(100);
  }
}

interface Pair {
  readonly master: RunningRedis;
  readonly replica: RunningRedis;
}

/** The masters that have a replica, as the second node sees them: it is the one that nothing happens to. */
export async function pairs(cluster: RunningCluster): Promise<readonly Pair[]> {
  const witness = cluster.nodes[1] as RunningRedis;
  const lines = (await asked(witness, (client) => client.call('CLUSTER', 'NODES'))) as string;
  const rows = lines
    .trim()
    .split('\n')
    .map((line) => line.split(' '));
  const at = (address = '') => cluster.nodes.find(({ port }) => address.includes(`:${port}@`));
  return rows.flatMap(([id, address, flags]) => {
    if (!flags?.includes('master') || flags.includes('fail')) return [];
    const replicaRow = rows.find((row) => row[3] === id && !row[2]?.includes('fail'));
    const [master, replica] = [at(address), at(replicaRow?.[1])];
    return master && replica ? [{ master, replica }] : [];
  });
}

/** A master with its replica, other than the witness. */
export async function pairOf(cluster: RunningCluster): Promise<Pair> {
  const found = (await pairs(cluster)).find(({ master }) => master !== cluster.nodes[1]);
  if (!found) throw new Error('no master has a replica');
  return found;
}

/** Every master has a replica that is up to date. */
export async function clusterAtRest(cluster: RunningCluster): Promise<void> {
  await until('every master has its replica', async () => {
    const found = await pairs(cluster);
    const linked = await Promise.all(
      found.map(({ replica }) => asked(replica, (client) => client.info('replication'))),
    );
    return found.length === 3 && linked.every((info) => info.includes('master_link_status:up'));
  });
}

export async function primaryOf(set: RunningSentinels): Promise<SentinelMember> {
  const [, port] = (await set.primary()).split(':');
  const found = set.servers.find((server) => `${server.port}` === port);
  if (!found) throw new Error('the sentinels name a primary that is not of the set');
  return found;
}

/** Both replicas follow the primary, and the sentinels would fail over again. */
export async function sentinelsAtRest(set: RunningSentinels): Promise<void> {
  await until('both replicas follow the primary, and no failover goes on', async () => {
    const info = await asked(await primaryOf(set), (client) => client.info('replication'));
    const views = await Promise.all(
      set.sentinels.map((sentinel) =>
        asked(sentinel, async (client) => {
          const master = fieldsOf(await client.call('SENTINEL', 'MASTER', 'steward'));
          const replicas = (await client.call('SENTINEL', 'REPLICAS', 'steward')) as unknown[];
          return [master, ...replicas.map(fieldsOf)].map((fields) => fields.get('flags'));
        }),
      ),
    );
    const seen = views.every((flags) => flags.join() === 'master,slave,slave');
    return seen && (info.match(/state=online/g) ?? []).length === 2;
  });
}

/** A reply of pairs, as RESP2 and RESP3 give it. */
function fieldsOf(reply: unknown): Map<string, string> {
  if (!Array.isArray(reply)) return new Map(Object.entries(reply as Record<string, string>));
  return new Map(reply.flatMap((name: string, at) => (at % 2 === 0 ? [[name, String(reply[at + 1])] as const] : [])));
}
