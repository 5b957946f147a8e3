import { parseInfo, type RedisHandle, type RedisNode } from '../../redis';
import type { NodeVitals } from '../ports';

/** Asks a server who it is and how it fares: one round trip. */
export async function readVitals(redis: RedisHandle, node: RedisNode, deadlineMs: number): Promise<NodeVitals> {
  const began = performance.now();
  const asked = [node.client.info(), node.client.dbsize(), clusterNodes(redis, node)] as const;
  const [info, keys, nodes] = await redis.within(Promise.all(asked), { deadlineMs });
  return toVitals(parseInfo(info), keys, nodes, performance.now() - began);
}

async function clusterNodes({ mode }: RedisHandle, { client }: RedisNode): Promise<string> {
  return mode === 'cluster' ? String(await client.call('CLUSTER', 'NODES')) : '';
}

/** Pure, so that what servers say when they fail over is tested from their own words. */
export function toVitals(
  info: ReadonlyMap<string, string>,
  keys: number,
  clusterNodes: string,
  latencyMs: number,
): NodeVitals {
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
    // Where the server tells it, the thread that serves commands alone: background threads stand in nobody's way.
    cpuSeconds: info.has('used_cpu_user_main_thread')
      ? number('used_cpu_user_main_thread') + number('used_cpu_sys_main_thread')
      : number('used_cpu_user') + number('used_cpu_sys'),
    latencyMs,
  };
}
