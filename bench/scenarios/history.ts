import { defineEntity } from '../../src/entities/define-entity';
import { type HistoryResult, runHistory } from '../cache/history';
import { benchCluster, benchRedis, ours } from '../cache/servers';
import { atLeast, atMost, type BenchResult, type Scenario } from '../types';

const EPOCH_CACHE_MS = 100;
const EPOCH_BOUND_MS = EPOCH_CACHE_MS + 100;
const PART = 5_000;

/** Random interleavings by the history checker, with evictions; `--operations 100000` for the long run, `--seed` to repeat one. */
export const scenario: Scenario = {
  name: 'history',
  async run(args): Promise<BenchResult> {
    const operations = numberAfter(args, '--operations') ?? 20_000;
    const seed = numberAfter(args, '--seed') ?? Math.floor(Math.random() * 2 ** 32);
    const memory = ['--maxmemory', '4mb', '--maxmemory-policy', 'allkeys-lru'];
    const standalone = await benchRedis(memory);
    const cluster = await benchCluster(memory);
    const results: HistoryResult[] = [];
    let evicted = 0;
    try {
      for (const { environment } of [standalone, cluster]) {
        const entity = defineEntity<number>({ name: 'bench:history', tags: () => ['bench:history'], ttlSeconds: 60 });
        const options = { entities: [entity], epochCacheMs: EPOCH_CACHE_MS, deadlineMs: 2_000 };
        const own = Array.from({ length: 3 }, () => ours(environment, options));
        const filler = fillUp(own[0]?.cache as (typeof own)[0]['cache']);
        for (let from = 0; from < operations / 2; from += PART) {
          const count = Math.min(PART, operations / 2 - from);
          results.push(
            await runHistory({
              ...{ caches: own.map(({ cache }) => cache), entity: entity.name, keys: 4 + ((from / PART) % 3) * 8 },
              ...{ operations: count, concurrency: 24, seed: seed + from, epochBoundMs: EPOCH_BOUND_MS },
            }),
          );
        }
        await filler.stop();
        for (const { client } of (await own[0]?.redis.nodes('masters', 'cache')) ?? []) {
          evicted += Number(/evicted_keys:(\d+)/.exec(await client.info('stats'))?.[1] ?? 0);
        }
        for (const { close } of own) await close();
      }
    } finally {
      await Promise.all([standalone.stop(), cluster.stop()]);
    }
    const sum = (of: (result: HistoryResult) => number) => results.reduce((total, result) => total + of(result), 0);
    const stale = results.flatMap((result) => result.stale);
    if (stale.length > 0) console.error(JSON.stringify({ seed, stale: stale.slice(0, 5) }));
    return {
      scenario: 'history',
      figures: {
        seed,
        operations,
        reads: sum(({ reads }) => reads),
        loads: sum(({ loads }) => loads),
        invalidations: sum(({ writes }) => Object.values(writes).reduce((a, b) => a + b, 0)),
        evictedKeys: evicted,
        staleReads: stale.length,
        epochBoundMs: EPOCH_BOUND_MS,
        longestEpochLagMs: Math.max(...results.map(({ longestEpochLagMs }) => longestEpochLagMs)),
      },
      peers: {},
      ratios: {},
      bars: [atMost('figures.staleReads', stale.length, 0), atLeast('figures.evictedKeys', evicted, 1)],
    };
  },
};

function numberAfter(args: readonly string[], name: string): number | undefined {
  const at = args.indexOf(name);
  return at < 0 ? undefined : Number(args[at + 1]);
}

/** Fills the memory without end, so that entries, leases and epochs are evicted. */
function fillUp(cache: { set(key: string, value: unknown): Promise<void> }) {
  let running = true;
  const work = (async () => {
    const text = 'x'.repeat(4_000);
    for (let index = 0; running; index += 1) await cache.set(`bench:filler:${index}`, text + index).catch(() => {});
  })();
  return {
    async stop() {
      running = false;
      await work;
    },
  };
}
