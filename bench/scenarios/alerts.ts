import { startRedis } from '../../local/servers';
import { type AlertState, emptyState } from '../../src/alerting/evaluate/alert-state';
import { evaluate } from '../../src/alerting/evaluate/evaluate';
import type { Series, SeriesSet } from '../../src/alerting/evaluate/series';
import { aggregations, type Rule } from '../../src/alerting/rules/rule-schema';
import { MINUTE, systemClock } from '../../src/clock';
import { silentLogger } from '../../src/logger';
import { createCollector } from '../../src/monitoring/collect/collector';
import { createMemorySampleStore } from '../../src/monitoring/samples/memory-samples';
import { createRedis } from '../../src/redis';
import { readSettings } from '../../src/settings';
import { atMost, type BenchResult, median } from '../types';

const RULES = 1_000;
const SERIES = 200;
const METRICS = 20;
const HOURS = 3;
const ROUNDS = 15;

/** 1,000 rules of every kind over 200 series of three hours, and the collecting of one node. */
export const scenario = {
  name: 'alerts',
  async run(): Promise<BenchResult> {
    const evaluateMs = median(evaluations());
    const { collectMs, roundTrips } = await collections();
    return {
      scenario: 'alerts',
      figures: { evaluateMs, collectMs, collectRoundTrips: roundTrips },
      peers: {},
      ratios: {},
      bars: [
        atMost('figures.evaluateMs', evaluateMs, 100),
        atMost('figures.collectMs', collectMs, 30),
        atMost('figures.collectRoundTrips', roundTrips, 2),
      ],
    };
  },
};

function evaluations(): number[] {
  const start = Date.UTC(2026, 0, 1);
  const minutes = HOURS * 60;
  const set = new Map<string, Series[]>();
  for (let index = 0; index < SERIES; index += 1) {
    const metric = `steward_m${index % METRICS}`;
    const times = Array.from({ length: minutes }, (_, minute) => start + minute * MINUTE);
    const values = times.map((_, minute) => (Math.sin(minute / 9 + index) + 1) * 50);
    set.set(metric, [
      ...(set.get(metric) ?? []),
      { labels: { node: `n${index}:6379`, cache: 'bench' }, times, values },
    ]);
  }
  const rules = Array.from({ length: RULES }, (_, index) => ruleOf(index));
  const spent: number[] = [];
  let state: AlertState = emptyState;
  for (let round = 0; round < ROUNDS; round += 1) {
    const at = start + (minutes - ROUNDS + round) * MINUTE;
    const began = performance.now();
    state = evaluate(rules, set satisfies SeriesSet, state, at).state;
    spent.push(performance.now() - began);
  }
  return spent;
}

function ruleOf(index: number): Rule {
  const aggregation = aggregations[index % aggregations.length] ?? 'last';
  const metric = `steward_m${index % METRICS}`;
  return {
    ...{ name: `R${index}`, evaluatedBy: ['app'], metric, aggregation, window: index % 5 === 0 ? '1h' : '10m' },
    ...(aggregation === 'absent' ? {} : { compare: '>', threshold: 60 }),
    ...(aggregation === 'ratio' ? { over: [metric, `steward_m${(index + 1) % METRICS}`], by: ['node'] } : {}),
    ...(aggregation === 'predict' ? { ahead: '2h' } : {}),
    ...(aggregation === 'quantile' ? { quantile: 0.95 } : {}),
    ...{ for: '2m', severity: 'warning', summary: '{node} is at {value:number}', runbook: 'none' },
  };
}

async function collections(): Promise<{ collectMs: number; roundTrips: number }> {
  const server = await startRedis();
  const settings = readSettings({ REDIS_URL: server.adminUrl });
  const redis = createRedis({ settings, logger: silentLogger, role: 'bench' });
  try {
    let tick = Date.now();
    const collector = createCollector({
      ...{ redis, logger: silentLogger, clock: systemClock, cache: 'bench' },
      store: createMemorySampleStore(),
      retention: { minute: 7, hour: 90, day: 800 },
    });
    const [node] = await redis.nodes('all');
    const packets = async () =>
      Number(/total_reads_processed:(\d+)/.exec(String(await node?.client.info('stats')))?.[1]);
    const once = async () => {
      tick += MINUTE;
      const began = performance.now();
      await collector.collect(new Date(tick));
      return performance.now() - began;
    };
    for (let round = 0; round < 5; round += 1) await once();
    const spent: number[] = [];
    for (let round = 0; round < 30; round += 1) spent.push(await once());
    const before = await packets();
    for (let round = 0; round < 10; round += 1) await once();
    // Beside the node's own two there are two of the tick as a whole: its role, and the app's counters. The look at
    // the number of reads is one as well.
    const roundTrips = ((await packets()) - before - 1) / 10 - 2;
    return { collectMs: median(spent), roundTrips };
  } finally {
    await redis.close();
    await server.stop();
  }
}
