import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { startAzurite } from '../../local/servers';
import { silentLogger } from '../../src/logger';
import { createRedis, readCounters } from '../../src/redis';
import { readSettings } from '../../src/settings';
import { benchRedis } from '../cache/servers';
import type { Counted, RefreshLoad, Span } from '../refresh/load';
import { refreshWorker, type WorkerTask } from '../refresh/worker';
import { atMost, type BenchResult, numberAfter, type Scenario } from '../types';

const SETTLE_MS = 1_000;

/**
 * Reads that wait for a slow source, at the same Zipf load at the same time: plain TTL, cache-manager's
 * `refreshThreshold`, and refresh-ahead with its planner and workers behind a real queue. `--seed` to repeat a run;
 * `--ttl`, `--rate` and `--seconds` for another load.
 */
export const scenario: Scenario = {
  name: 'refresh',
  async run(args): Promise<BenchResult> {
    const [redis, azurite] = await Promise.all([benchRedis(), startAzurite()]);
    const ttlSeconds = numberAfter(args, '--ttl') ?? 60;
    const load: RefreshLoad = {
      ...{ redisUrl: redis.url, storage: azurite.connectionString },
      seed: numberAfter(args, '--seed') ?? 1,
      ...{ keys: 50_000, exponent: 0.99, ttlSeconds, fraction: 0.8, sourceMs: 100 },
      readsPerSecond: numberAfter(args, '--rate') ?? 25_000,
    };
    const children: ChildProcess[] = [];
    try {
      const roles = ['refreshAhead', 'plainTtl', 'cacheManager', 'jobs'] as const;
      for (const role of roles) {
        const child = await startWorker({ load, role });
        child.once('exit', (code) => code && process.exit(1));
        children.push(child);
      }
      const from = Date.now() + SETTLE_MS + ttlSeconds * 1_000;
      const span: Span = { from, to: from + (numberAfter(args, '--seconds') ?? 25) * 1_000 };
      const answers = children.map((child) => once(child, 'message') as Promise<[Counted]>);
      for (const child of children) child.send(span);
      const [ahead, plain, manager, jobs] = (await Promise.all(answers)).map(([one]) => one) as Four;
      const refreshes = await refreshFigures(redis.environment);
      const waited = ({ reads, waits }: Counted) => waits / reads;
      const aheadLoads = ahead.loads + jobs.loads;
      const ratios = {
        waitsOverPlainTtl: waited(ahead) / waited(plain),
        waitsOverCacheManager: waited(ahead) / waited(manager),
        cacheManagerWaitsOverPlainTtl: waited(manager) / waited(plain),
        loadsOverPlainTtl: aheadLoads / plain.loads,
        loadsOverCacheManager: aheadLoads / manager.loads,
        callsOverPlainTtl: (ahead.calls + jobs.calls) / plain.calls,
      };
      return {
        scenario: 'refresh',
        figures: {
          ...{ reads: ahead.reads, waitedShare: waited(ahead), loadedKeys: aheadLoads },
          ...{ sourceCalls: ahead.calls + jobs.calls, ...refreshes },
        },
        peers: {
          ...{ plainTtlReads: plain.reads, plainTtlWaitedShare: waited(plain), plainTtlLoadedKeys: plain.loads },
          ...{ cacheManagerReads: manager.reads, cacheManagerWaitedShare: waited(manager) },
          cacheManagerLoadedKeys: manager.loads,
        },
        ratios,
        bars: [atMost('ratios.waitsOverPlainTtl', ratios.waitsOverPlainTtl, 0.1)],
      };
    } finally {
      for (const child of children) child.kill();
      await Promise.all([redis.stop(), azurite.stop()]);
    }
  },
};

type Four = [Counted, Counted, Counted, Counted];

/** What the product's own metrics say of the whole run. */
async function refreshFigures(environment: Record<string, string>): Promise<Record<string, number>> {
  const redis = createRedis({ settings: readSettings(environment), logger: silentLogger, role: 'bench' });
  try {
    await redis.ready();
    const counters = [...(await readCounters(redis))];
    const sum = (name: string, label = '') =>
      counters
        .filter(([field]) => field.startsWith(`${name}|`) && field.includes(label))
        .reduce((total, [, value]) => total + value, 0);
    const refreshed = sum('refresh_done', 'outcome=refreshed');
    return {
      leadMeanMs: sum('refresh_lead_ms') / refreshed,
      usedShare: sum('refresh_used') / refreshed,
      wastedShare: sum('refresh_wasted') / refreshed,
      missedAtExpiry: sum('refresh_missed'),
      shedByBudget: sum('refresh_shed'),
    };
  } finally {
    await redis.close();
  }
}

async function startWorker(task: WorkerTask): Promise<ChildProcess> {
  const child = fork(__filename, [], { env: { ...process.env, REFRESH_BENCH: JSON.stringify(task) } });
  await once(child, 'message');
  return child;
}

if (process.env.REFRESH_BENCH !== undefined && process.send !== undefined) {
  refreshWorker(JSON.parse(process.env.REFRESH_BENCH) as WorkerTask).catch((error: unknown) => {
    console.error(error);
    process.exit(1);
  });
}
