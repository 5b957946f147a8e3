import { setTimeout as sleep } from 'node:timers/promises';
import type { RunningCluster, RunningSentinels } from '../../../local/servers';
import { asked, clusterAtRest, pairOf, pairs, primaryOf, type Server, sentinelsAtRest, until } from './servers';

/** Something that happens to the servers while the load goes on. */
export interface FaultEvent<Servers> {
  readonly name: string;
  /** How long the servers themselves take to notice and to vote, at most: ms. */
  readonly detectionMs: number;
  /** Before the load begins: the servers are at rest. */
  before?(servers: Servers): Promise<void>;
  /** Ends when it has been done, not when it is over. */
  run(servers: Servers): Promise<void>;
  /** Puts right what the event left, when service is back. */
  after?(servers: Servers): Promise<void>;
}

/** Azure's maintenance: the connections of one node after the other are closed. */
async function closeNodeByNode(servers: readonly Server[]): Promise<void> {
  for (const server of servers) {
    await asked(server, (client) => client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes'));
    await sleep(100);
  }
}

const before = clusterAtRest;

export const clusterEvents: readonly FaultEvent<RunningCluster>[] = [
  {
    name: 'failover by hand',
    detectionMs: 0,
    before,
    run: async (cluster) => {
      const { replica } = await pairOf(cluster);
      await asked(replica, (client) => client.call('CLUSTER', 'FAILOVER'));
    },
  },
  {
    name: 'maintenance: connections closed node by node',
    detectionMs: 0,
    before,
    run: async (cluster) => closeNodeByNode(cluster.nodes),
  },
  {
    name: 'resharding of 200 slots',
    detectionMs: 0,
    before,
    run: async (cluster) => reshard(cluster, 200),
  },
  {
    name: 'a master frozen (SIGSTOP)',
    detectionMs: 6_000, // as below, and a second until the client closes a silent connection
    before,
    run: async (cluster) => (await pairOf(cluster)).master.kill('SIGSTOP'),
    after: async (cluster) => {
      for (const server of cluster.nodes) await server.kill('SIGCONT');
    },
  },
  {
    name: 'a master killed (SIGKILL)',
    detectionMs: 5_000, // node-timeout 2 s, then an election
    before,
    run: async (cluster) => (await pairOf(cluster)).master.kill('SIGKILL'),
  },
];

export const sentinelEvents: readonly FaultEvent<RunningSentinels>[] = [
  {
    name: 'maintenance: connections closed node by node',
    detectionMs: 0,
    before: sentinelsAtRest,
    run: async (set) => closeNodeByNode(set.servers),
  },
  {
    name: 'failover by hand',
    detectionMs: 1_000, // a sentinel asks each second whether the one it promotes is a primary yet
    before: sentinelsAtRest,
    run: async (set) => {
      const old = await set.primary();
      await until('a sentinel agrees', async () => (await set.failover()) === 'OK');
      await until('another primary is named', async () => (await set.primary()) !== old);
    },
  },
  {
    name: 'the primary frozen (SIGSTOP)',
    detectionMs: 4_000, // down-after 1 s, then a vote
    before: sentinelsAtRest,
    run: async (set) => (await primaryOf(set)).kill('SIGSTOP'),
    after: async (set) => {
      for (const server of set.servers) await server.kill('SIGCONT');
    },
  },
  {
    name: 'the primary killed (SIGKILL)',
    detectionMs: 4_000,
    before: sentinelsAtRest,
    run: async (set) => (await primaryOf(set)).kill('SIGKILL'),
  },
];

/** Moves slots one by one, with their keys, as redis-cli does. */
async function reshard(cluster: RunningCluster, count: number): Promise<void> {
  const [from, to] = await pairs(cluster);
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
          const { host, port, adminUrl } = to.master;
          const auth = ['AUTH', new URL(adminUrl).password];
          await source.call('MIGRATE', host, port, '', 0, 1_000, 'REPLACE', ...auth, 'KEYS', ...keys);
        }
        for (const client of [target, source]) await client.call('CLUSTER', 'SETSLOT', slot, 'NODE', toId);
      }
    }),
  );
}
