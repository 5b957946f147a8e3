import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import type { RunningCluster, RunningRedis, RunningSentinels } from '../../../local/servers';

/** Something that happens to the servers while the load goes on. */
export interface FaultEvent<Servers> {
  readonly name: string;
  /** How long the servers themselves take to notice, at most: ms. */
  readonly detectionMs: number;
  /** Ends when it has been done, not when it is over. */
  run(servers: Servers): Promise<void>;
  /** Puts right what the event left, when service is back. */
  after?(servers: Servers): Promise<void>;
}

const node = (cluster: RunningCluster, index: number) => cluster.nodes[index] as RunningRedis;

async function asked<T>(server: RunningRedis, question: (client: Redis) => Promise<T>): Promise<T> {
  const client = new Redis(server.url, { enableReadyCheck: false });
  client.on('error', () => {});
  try {
    return await question(client);
  } finally {
    client.disconnect();
  }
}

/** On three masters with a replica each: nodes 0 to 2, replicas 3 to 5. Each event begins with the roles as they are. */
async function masters(cluster: RunningCluster): Promise<{ master: RunningRedis; replica: RunningRedis }[]> {
  const lines = (await asked(node(cluster, 1), (client) => client.call('CLUSTER', 'NODES'))) as string;
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

/** One that isn't node 1, which is asked about the others. */
async function pair(cluster: RunningCluster): Promise<{ master: RunningRedis; replica: RunningRedis }> {
  const end = Date.now() + 20_000;
  for (;;) {
    const found = (await masters(cluster)).find(({ master }) => master !== node(cluster, 1));
    if (found) return found;
    if (Date.now() > end) throw new Error('no master has a replica');
    await sleep(100);
  }
}

export const clusterEvents: readonly FaultEvent<RunningCluster>[] = [
  {
    name: 'manual failover',
    detectionMs: 0,
    run: async (cluster) => {
      const { replica } = await pair(cluster);
      await asked(replica, (client) => client.call('CLUSTER', 'FAILOVER'));
    },
  },
  {
    name: 'connections closed node by node (maintenance)',
    detectionMs: 0,
    run: async (cluster) => {
      for (const server of cluster.nodes) {
        await asked(server, (client) => client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes'));
        await sleep(100);
      }
    },
  },
  {
    name: 'resharding of 200 slots',
    detectionMs: 0,
    run: async (cluster) => reshard(cluster, 200),
  },
  {
    name: 'master frozen (SIGSTOP)',
    detectionMs: 6_000, // as below, and a second until the client closes a silent connection
    run: async (cluster) => (await pair(cluster)).master.kill('SIGSTOP'),
    after: async (cluster) => {
      for (const server of cluster.nodes) await server.kill('SIGCONT');
    },
  },
  {
    name: 'master killed (SIGKILL)',
    detectionMs: 5_000, // node-timeout 2 s, then an election
    run: async (cluster) => (await pair(cluster)).master.kill('SIGKILL'),
  },
];

export const sentinelEvents: readonly FaultEvent<RunningSentinels>[] = [
  {
    name: 'primary killed (SIGKILL)',
    detectionMs: 4_000, // down-after 1 s, then a vote
    run: async (set) => {
      const [, port] = (await set.primary()).split(':');
      await set.servers.find((server) => `${server.port}` === port)?.kill('SIGKILL');
    },
  },
];

/** Moves slots one by one, with their keys, as redis-cli does. */
async function reshard(cluster: RunningCluster, count: number): Promise<void> {
  const [from, to] = await masters(cluster);
  if (!from || !to) throw new Error('a resharding needs two masters');
  await asked(from.master, (source) =>
    asked(to.master, async (target) => {
      const [fromId, toId] = [await source.call('CLUSTER', 'MYID'), await target.call('CLUSTER', 'MYID')] as string[];
      const ranges = (await source.call('CLUSTER', 'SLOTS')) as [number, number, [string, number]][];
      const range = ranges.find(([, , [, port]]) => port === from.master.port);
      if (!range || !fromId || !toId) throw new Error('the master has no slots');
      for (let slot = range[0]; slot < range[0] + count; slot += 1) {
        await target.call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', fromId);
        await source.call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', toId);
        for (;;) {
          const keys = (await source.call('CLUSTER', 'GETKEYSINSLOT', slot, 100)) as string[];
          if (keys.length === 0) break;
          const { host, port } = to.master;
          await source.call('MIGRATE', host, port, '', 0, 1_000, 'REPLACE', 'KEYS', ...keys);
        }
        for (const client of [target, source]) await client.call('CLUSTER', 'SETSLOT', slot, 'NODE', toId);
      }
    }),
  );
}
