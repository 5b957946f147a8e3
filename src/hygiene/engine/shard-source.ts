import { capabilitiesOf, type LogicalStore, type RedisHandle, type RedisNode } from '../../redis';
import type { Scanner, ShardSource } from '../ports';
import type { PassName } from '../records/sweep-record';
import { readVitals } from '../throttle/server-load';
import type { Pager } from './pager';

/** How pages are made: `script` is one call a page; `commands` is for a proxy, or where scripts are refused. */
export type PageWay = 'script' | 'commands';

/** What a pass does with one server. */
export interface PassWork {
  /** The stores it walks; those that share a database are walked once. */
  readonly stores: readonly LogicalStore[];
  pager(
    node: RedisNode,
    store: LogicalStore,
    way: PageWay,
    options: { readonly dryRun: boolean },
  ): Promise<Pager<unknown>>;
}

export interface ShardSourceOptions {
  readonly redis: RedisHandle;
  readonly work: Readonly<Record<PassName, PassWork>>;
  /** `auto` asks the server: Redis Enterprise and whoever refuses a script get `commands`. */
  readonly way: 'auto' | PageWay;
  /** How long one call may take, in ms. */
  readonly deadlineMs: number;
}

/** The masters of a Redis as shards: `store@host:port`. */
export function redisShards(options: ShardSourceOptions): ShardSource {
  const { redis, work, deadlineMs } = options;
  return {
    async shards(pass) {
      const names: string[] = [];
      const walked = new Set<string>();
      for (const store of work[pass].stores) {
        for (const node of await redis.nodes('masters', store)) {
          const database = `${node.address}/${node.client.options.db ?? 0}`;
          if (walked.has(database)) continue;
          walked.add(database);
          names.push(`${store}@${node.address}`);
        }
      }
      return names;
    },
    async open(pass, shard, { dryRun }) {
      const at = shard.indexOf('@');
      const store = work[pass].stores.find((name) => name === shard.slice(0, at));
      if (!store) return undefined;
      const nodes = await redis.nodes('masters', store);
      const node = nodes.find(({ address }) => address === shard.slice(at + 1));
      if (!node) return undefined;
      const way = options.way === 'auto' ? await bestWay(redis, node) : options.way;
      return scanner(redis, node, await work[pass].pager(node, store, way, { dryRun }), deadlineMs);
    },
  };
}

async function bestWay(redis: RedisHandle, node: RedisNode): Promise<PageWay> {
  if ((await capabilitiesOf(redis)).enterprise) return 'commands';
  try {
    // What a page does: look for keys itself. A server without scripts, or with rules against it, says so here.
    await redis.within(node.client.eval("return redis.call('SCAN', '0', 'COUNT', '1')[1]", 0));
    return 'script';
  } catch (error: unknown) {
    if (error instanceof Error && error.name === 'ReplyError') return 'commands';
    throw error;
  }
}

function scanner(redis: RedisHandle, node: RedisNode, pager: Pager<unknown>, deadlineMs: number): Scanner {
  let isNew = false;
  const onConnect = () => {
    isNew = true;
  };
  node.client.on('connect', onConnect);
  return {
    async vitals() {
      isNew = false;
      return readVitals(redis, node, deadlineMs);
    },
    page: pager,
    reconnected: () => isNew,
    close: () => void node.client.off('connect', onConnect),
  };
}
