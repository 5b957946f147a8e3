import { parseInfo, type RedisHandle, type RedisNode } from '../../redis';
import type { Baseline, NodeIdentity, NodeMemory } from '../records/sweep-record';

/** The state of a server, read at every connect and at every save. */
export interface ServerLoad extends NodeIdentity, Baseline, NodeMemory {
  readonly role: 'master' | 'replica';
  /** A failover is being prepared or under way. */
  readonly failingOver: boolean;
  /** Slots that it owns and keeps, as CLUSTER NODES writes them; empty without a cluster. */
  readonly slots: string;
  /** The same, with the slots that are being moved to it. */
  readonly slotsToBe: string;
  /** CPU seconds used since its start. */
  readonly cpuSeconds: number;
  /** How long it took to answer, in ms. */
  readonly latencyMs: number;
}

/** Reads the identity and the load of a server in one round trip. */
export async function readServerLoad(redis: RedisHandle, node: RedisNode, deadlineMs: number): Promise<ServerLoad> {
  const startedAt = performance.now();
  const requests = [node.client.info(), node.client.dbsize(), clusterNodes(redis, node)] as const;
  const [info, keys, nodes] = await redis.within(Promise.all(requests), { deadlineMs });
  return toServerLoad(parseInfo(info), keys, nodes, performance.now() - startedAt);
}

const clusterNodes = async ({ mode }: RedisHandle, { client }: RedisNode): Promise<string> =>
  mode === 'cluster' ? String(await client.call('CLUSTER', 'NODES')) : '';

/** Pure, so that tests can use the replies that servers gave during a failover. */
export function toServerLoad(
  info: ReadonlyMap<string, string>,
  keys: number,
  clusterNodes: string,
  latencyMs: number,
): ServerLoad {
  const number = (field: string) => Number(info.get(field) ?? 0);
  const myself = clusterNodes.split('\n').find((line) => line.includes('myself')) ?? '';
  const [nodeId = '', , , , , , , , ...slots] = myself.trim().split(' ');
  const stable = slots.filter((slot) => !slot.startsWith('['));
  const arriving = slots.flatMap((slot) => /^\[(\d+)-<-/.exec(slot)?.[1] ?? []);
  const failover = info.get('master_failover_state') ?? 'no-failover';
  return {
    runId: info.get('run_id') ?? '',
    nodeId,
    role: info.get('role') === 'slave' ? 'replica' : 'master',
    failingOver: failover !== 'no-failover' || info.get('loading') === '1',
    slots: stable.join(' '),
    slotsToBe: [...stable, ...arriving].join(' '),
    keys,
    expired: number('expired_keys'),
    evicted: number('evicted_keys'),
    usedBytes: number('used_memory'),
    capacityBytes: number('maxmemory'),
    // If the server says it, the CPU of the thread that serves commands: background threads delay nobody.
    cpuSeconds: info.has('used_cpu_user_main_thread')
      ? number('used_cpu_user_main_thread') + number('used_cpu_sys_main_thread')
      : number('used_cpu_user') + number('used_cpu_sys'),
    latencyMs,
  };
}
