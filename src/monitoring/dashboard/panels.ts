import { countOf, maxOf, meanOf, type SampleBatch, seriesIn, sumOf } from '../samples/sample-store';
import type { Buckets } from './buckets';

export interface Line {
  readonly label: string;
  readonly values: readonly (number | null)[];
}

export interface Panel {
  readonly id: string;
  readonly title: string;
  /** The format of the numbers: `bytes`, `share`, `ms`, `perSecond`, `count`, `seconds`. */
  readonly unit: string;
  readonly lines: readonly Line[];
}

type Batches = readonly SampleBatch[];
type Use = 'mean' | 'max' | 'rate';

const panel = (id: string, title: string, unit: string, lines: readonly Line[]): Panel => ({ id, title, unit, lines });

/** Values of a metric in a bucket, by the name that `label` returns. */
function valuesOf(batches: Batches, metric: string, label: (labels: Readonly<Record<string, string>>) => string) {
  const found = new Map<string, { sum: number; mean: number; max: number; samples: number }>();
  for (const batch of batches) {
    for (const { labels, value } of seriesIn(batch, metric)) {
      const name = label({ ...batch.labels, ...labels });
      const sofar = found.get(name) ?? { sum: 0, mean: 0, max: Number.NEGATIVE_INFINITY, samples: 0 };
      const samples = sofar.samples + countOf(value);
      const mean = (sofar.mean * sofar.samples + meanOf(value) * countOf(value)) / samples;
      found.set(name, { sum: sofar.sum + sumOf(value), mean, max: Math.max(sofar.max, maxOf(value)), samples });
    }
  }
  return found;
}

const everything = () => 'all';

/** Growth of a counter in each bucket; null if nothing was collected. */
export const growthIn = (buckets: Buckets, metric: string): readonly (number | null)[] =>
  buckets.batches.map((batches) => valuesOf(batches, metric, everything).get('all')?.sum ?? null);

/** One line for each value of a label; `use` selects the number of a bucket. */
function linesBy(buckets: Buckets, metric: string, by: string, use: Use): Line[] {
  const perBucket = buckets.batches.map((batches) => valuesOf(batches, metric, (labels) => labels[by] ?? 'all'));
  const labels = [...new Set(perBucket.flatMap((found) => [...found.keys()]))].sort().slice(0, MOST_LINES);
  return labels.map((label) => ({
    label,
    values: perBucket.map((found, index) => {
      const value = found.get(label);
      if (value === undefined) return null;
      return use === 'rate' ? value.sum / (buckets.seconds[index] ?? Number.NaN) : value[use];
    }),
  }));
}

const MOST_LINES = 12;

const divided = (over: readonly (number | null)[], under: readonly (number | null)[], factor = 1) =>
  over.map((top, index) => {
    const bottom = under[index] ?? 0;
    return top === null || bottom === 0 ? null : (top / bottom) * factor;
  });

const added = (a: readonly (number | null)[], b: readonly (number | null)[]) =>
  a.map((value, index) => (value === null && (b[index] ?? null) === null ? null : (value ?? 0) + (b[index] ?? 0)));

const named = (label: string, lines: readonly Line[]): Line[] =>
  lines.slice(0, 1).map(({ values }) => ({ label, values }));

/** The time that this share of the commands took at most, in ms, from the cumulative latency histogram. */
export function latencyQuantile(batches: Batches, share: number): number | null {
  const counts = valuesOf(batches, 'redis_latency_calls', ({ us }) => us ?? '');
  const sorted = [...counts].map(([us, { sum }]) => ({ us: Number(us), calls: sum })).sort((a, b) => a.us - b.us);
  const total = sorted.at(-1)?.calls ?? 0;
  if (total === 0) return null;
  return (sorted.find(({ calls }) => calls >= share * total)?.us ?? Number.NaN) / 1_000;
}

/** The time from acceptance to commit that this share of the saved writes took at most, in seconds. */
export function writeLagQuantile(batches: Batches, share: number): number | null {
  const counts = valuesOf(batches, 'steward_write_behind_lag_bucket', ({ le }) => le ?? '');
  const sorted = [...counts]
    .map(([le, { sum }]) => ({ ms: le === 'Inf' ? Number.POSITIVE_INFINITY : Number(le), rows: sum }))
    .sort((a, b) => a.ms - b.ms);
  const wanted = share * sorted.reduce((total, { rows }) => total + rows, 0);
  if (wanted === 0) return null;
  let rows = 0;
  const bucket = sorted.find((one) => {
    rows += one.rows;
    return rows >= wanted;
  });
  // Beyond the last bound only that bound is known.
  return bucket === undefined || bucket.ms === Number.POSITIVE_INFINITY ? 3_600 : bucket.ms / 1_000;
}

/** The charts of the page. The page leaves out charts without lines. */
export function panelsOf(buckets: Buckets): readonly Panel[] {
  const grown = (metric: string) => growthIn(buckets, metric);
  const hits = grown('redis_keyspace_hits');
  const latency = divided(grown('redis_command_seconds'), grown('redis_command_calls'), 1_000);
  const p99 = buckets.batches.map((batches) => latencyQuantile(batches, 0.99));
  const writeLag = (share: number) => buckets.batches.map((batches) => writeLagQuantile(batches, share));
  const line = (label: string, values: readonly (number | null)[]): Line[] =>
    values.every((value) => value === null) ? [] : [{ label, values }];
  const by = (metric: string, label: string, use: Use) => linesBy(buckets, metric, label, use);
  return [
    panel('memory', 'Memory', 'bytes', [
      ...by('redis_memory_used_bytes', 'node', 'mean'),
      ...named('limit of a node', by('redis_memory_max_bytes', 'cache', 'max')),
    ]),
    panel(
      'hit-rate',
      'Hit rate of the servers',
      'share',
      line('all nodes', divided(hits, added(hits, grown('redis_keyspace_misses')))),
    ),
    panel('latency', 'Time of a command on the server', 'ms', [...line('mean', latency), ...line('99 % within', p99)]),
    panel('commands', 'Commands', 'perSecond', by('redis_commands', 'node', 'rate')),
    panel('keys-gone', 'Keys evicted and expired', 'perSecond', [
      ...named('evicted', by('redis_evicted_keys', 'cache', 'rate')),
      ...named('expired', by('redis_expired_keys', 'cache', 'rate')),
    ]),
    panel('connections', 'Connections', 'count', by('redis_clients', 'node', 'max')),
    panel('lag', 'Oldest message waiting', 'seconds', by('steward_queue_oldest_seconds', 'queue', 'max')),
    panel('write-lag', 'From an accepted write to its commit', 'seconds', [
      ...line('50 % within', writeLag(0.5)),
      ...line('99 % within', writeLag(0.99)),
    ]),
    panel('backlog', 'Messages waiting', 'count', by('steward_queue_messages', 'queue', 'max')),
    panel('refreshes', 'Refreshes', 'perSecond', by('steward_refresh_done', 'outcome', 'rate')),
    panel('sweeps', 'Keys examined by sweeps', 'perSecond', by('steward_sweep_keys_examined', 'pass', 'rate')),
    panel('cpu', 'Command thread busy', 'share', by('redis_engine_cpu_seconds', 'node', 'rate')),
    panel('snapshot', 'Age of the newest snapshot', 'seconds', by('redis_rdb_age_seconds', 'node', 'max')),
  ];
}
