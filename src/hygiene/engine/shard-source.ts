import { capabilitiesOf, type LogicalStore, type RedisHandle, type RedisNode } from '../../redis';
import type { BatchReader, Scanner, ShardSource } from '../ports';
import type { SweepName } from '../records/sweep-record';
import { readServerLoad } from '../throttle/server-load';

/** How a batch is made: `script`, one Lua call; `commands`, for a proxy or a server that refuses scripts. */
export type BatchMethod = 'script' | 'commands';

/** What a sweep does with one server. */
export interface NodeSweep {
  /** The stores that it scans; those that share a database are scanned once. */
  readonly stores: readonly LogicalStore[];
  batches(
    node: RedisNode,
    store: LogicalStore,
    method: BatchMethod,
    options: { readonly dryRun: boolean },
  ): Promise<BatchReader<unknown>>;
}

export interface ShardSourceOptions {
  readonly redis: RedisHandle;
  readonly sweeps: Readonly<Record<SweepName, NodeSweep>>;
  /** `auto` finds out: Redis Enterprise, and servers that refuse scripts, get `commands`. */
  readonly method: 'auto' | BatchMethod;
  /** How long one call may take, in ms. */
  readonly deadlineMs: number;
}

/** The masters of a Redis as shards: `store@host:port`. */
export function redisShards(options: ShardSourceOptions): ShardSource {
  const { redis, sweeps, deadlineMs } = options;
  return {
    async shards(sweep) {
      const names: string[] = [];
      const listed = new Set<string>();
      for (const store of sweeps[sweep].stores) {
        for (const node of await redis.nodes('masters', store)) {
          const database = `${node.address}/${node.client.options.db ?? 0}`;
          if (listed.has(database)) continue;
          listed.add(database);
          names.push(`${store}@${node.address}`);
        }
      }
      return names;
    },
    async open(sweep, shard, { dryRun }) {
      const at = shard.indexOf('@');
      const store = sweeps[sweep].stores.find((name) => name === shard.slice(0, at));
      if (!store) return undefined;
      const nodes = await redis.nodes('masters', store);
      const node = nodes.find(({ address }) => address === shard.slice(at + 1));
      if (!node) return undefined;
      const method = options.method === 'auto' ? await bestMethod(redis, node) : options.method;
      return scanner(redis, node, await sweeps[sweep].batches(node, store, method, { dryRun }), deadlineMs);
    },
  };
}

async function bestMethod(redis: RedisHandle, node: RedisNode): Promise<BatchMethod> {
  if ((await capabilitiesOf(redis)).enterprise) return 'commands';
  try {
    // The batch script finds its keys itself. A server that has no scripts, or rules against such ones, refuses this.
    await redis.within(node.client.eval("return redis.call('SCAN', '0', 'COUNT', '1')[1]", 0));
    return 'script';
  } catch (error: unknown) {
    if (error instanceof Error && error.name === 'ReplyError') return 'commands';
    throw error;
  }
}

function scanner(redis: RedisHandle, node: RedisNode, batch: BatchReader<unknown>, deadlineMs: number): Scanner {
  let isNew = false;
  const onConnect = () => {
    isNew = true;
  };
  node.client.on('connect', onConnect);
  return {
    async serverLoad() {
      isNew = false;
      return readServerLoad(redis, node, deadlineMs);
    },
    batch,
    reconnected: () => isNew,
    close: () => void node.client.off('connect', onConnect),
  };
}
