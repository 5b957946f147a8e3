import { ours } from '../cache/servers';
import { check, type Stale } from '../history/check';
import { Conductor } from '../history/conductor';
import type { History } from '../history/plan';
import { countEvictions, startHistoryServers, type Topology, topologies } from '../history/servers';
import { historyWorker } from '../history/worker';
import { atLeast, atMost, type BenchResult, numberAfter, type Scenario } from '../types';

const PROCESSES = 4;
const CONCURRENCY = 8;
const ROUND = 5_000;
const EPOCH_CACHE_MS = 100;
const LOCAL_BOUND_MS = 250;
/** The clocks that the client reads by have whole milliseconds. */
const BOUNDS = { generationMs: EPOCH_CACHE_MS + 1, localMs: LOCAL_BOUND_MS + 1 };
/** Few keys are fought over, many are seldom touched. */
const ENTITIES = [
  { entity: 'history:few', keys: 4 },
  { entity: 'history:some', keys: 12 },
  { entity: 'history:many', keys: 40 },
];
/** Memory for a part of what is written, and whatever key the server looks at first has to go. */
const EVICTING = [
  ...['--maxmemory', '4mb', '--maxmemory-policy', 'allkeys-lru', '--maxmemory-samples', '1'],
  ...['--notify-keyspace-events', 'Ee'],
];

interface Outcome {
  readonly histories: readonly Omit<History, 'reads' | 'writes'>[];
  readonly reads: number;
  readonly writes: number;
  readonly stale: readonly Stale[];
  readonly generationLagMs: number;
  readonly localLagMs: number;
  readonly skewMs: number;
  readonly evictedOwn: number;
}

/**
 * Random interleavings by several processes, under the history checker: on one server and on three masters whose
 * clocks differ, while memory runs out. `--operations` on each of the two (20,000); `--seed` repeats one's choices.
 */
export const scenario: Scenario = {
  name: 'history',
  async run(args): Promise<BenchResult> {
    const operations = numberAfter(args, '--operations') ?? 20_000;
    const seed = numberAfter(args, '--seed') ?? Math.floor(Math.random() * 2 ** 32);
    const outcomes = new Map<Topology, Outcome>();
    for (const topology of topologies) outcomes.set(topology, await play(topology, operations, seed));
    const all = [...outcomes.values()];
    const stale = all.flatMap((outcome) => outcome.stale);
    if (stale.length > 0) console.error(JSON.stringify({ seed, stale: stale.slice(0, 5) }));
    const cluster = outcomes.get('cluster') as Outcome;
    if (cluster.skewMs === 0) console.error('libfaketime is not available: the masters shared one clock');
    const sum = (of: (outcome: Outcome) => number) => all.reduce((total, outcome) => total + of(outcome), 0);
    const evicted = Math.min(...all.map(({ evictedOwn }) => evictedOwn));
    const generationLagMs = Math.max(...all.map((outcome) => outcome.generationLagMs));
    const localLagMs = Math.max(...all.map((outcome) => outcome.localLagMs));
    return {
      scenario: 'history',
      figures: {
        seed,
        processes: PROCESSES,
        operations: 2 * operations,
        valuesRead: sum(({ reads }) => reads),
        loads: sum(({ histories }) => histories.reduce((total, { loads }) => total + loads, 0)),
        invalidations: sum(({ writes }) => writes),
        clockSkewMs: cluster.skewMs,
        evictedOwnKeys: sum(({ evictedOwn }) => evictedOwn),
        staleReads: stale.length,
        epochBoundMs: EPOCH_CACHE_MS,
        longestEpochLagMs: generationLagMs,
        localBoundMs: LOCAL_BOUND_MS,
        longestLocalLagMs: localLagMs,
      },
      peers: {},
      ratios: {},
      bars: [atMost('figures.staleReads', stale.length, 0), atLeast('figures.evictedOwnKeys', evicted, 1)],
    };
  },
};

async function play(topology: Topology, operations: number, seed: number): Promise<Outcome> {
  const servers = await startHistoryServers(topology, { args: EVICTING });
  const evictions = await countEvictions(servers.nodes, (key) => key.includes('history:'));
  const filling = fillUp(servers.environment);
  const conductor = await Conductor.start({
    ...{ script: __filename, processes: PROCESSES, environment: servers.environment },
    ...{ entities: ENTITIES.map(({ entity }) => entity), epochCacheMs: EPOCH_CACHE_MS, deadlineMs: 2_000 },
    ...{ ttlSeconds: 2, localBoundMs: LOCAL_BOUND_MS },
  });
  const histories: Outcome['histories'][number][] = [];
  const stale: Stale[] = [];
  let [reads, writes, generationLagMs, localLagMs] = [0, 0, 0, 0];
  try {
    for (let from = 0; from < operations; from += ROUND) {
      const on = ENTITIES[(from / ROUND) % ENTITIES.length] as (typeof ENTITIES)[number];
      const count = Math.min(ROUND, operations - from);
      const history = await conductor.round({ ...on, operations: count, concurrency: CONCURRENCY, seed: seed + from });
      const verdict = check(history, BOUNDS);
      stale.push(...verdict.stale);
      reads += history.reads.length;
      writes += history.writes.length;
      generationLagMs = Math.max(generationLagMs, verdict.longestGenerationLagMs);
      localLagMs = Math.max(localLagMs, verdict.longestLocalLagMs);
      histories.push({ loads: history.loads, errors: history.errors });
    }
    const { skewMs } = servers;
    return { histories, reads, writes, stale, generationLagMs, localLagMs, skewMs, evictedOwn: evictions.counts.own };
  } finally {
    await filling.stop();
    evictions.stop();
    await conductor.stop();
    await servers.stop();
  }
}

/** Fills the memory without end, so that entries, leases and tag generations are evicted. */
function fillUp(environment: Readonly<Record<string, string>>) {
  const { cache, close } = ours(environment, { deadlineMs: 2_000 });
  let running = true;
  const work = (async () => {
    const text = 'x'.repeat(4_000);
    for (let index = 0; running; index += 1) await cache.set(`filler:text:${index}`, text + index).catch(() => {});
  })();
  return {
    async stop() {
      running = false;
      await work;
      await close();
    },
  };
}

if (process.env.HISTORY !== undefined && process.send !== undefined) void historyWorker();
