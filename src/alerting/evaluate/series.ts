import { type Labels, lastOf, parseSeriesKey, type SampleBatch } from '../../monitoring/samples/sample-store';

/** One series over time: two lists of the same length, times ascending. */
export interface Series {
  readonly labels: Labels;
  /** ms since 1970. */
  readonly times: readonly number[];
  readonly values: readonly number[];
}

/** Series by the metric's name. */
export type SeriesSet = ReadonlyMap<string, readonly Series[]>;

/** The series of these metrics in batches that are sorted by time. */
export function toSeries(batches: readonly SampleBatch[], metrics: ReadonlySet<string>): SeriesSet {
  const found = new Map<string, Map<string, { labels: Labels; times: number[]; values: number[] }>>();
  const parsed = new Map<string, ReturnType<typeof parseSeriesKey>>();
  for (const batch of batches) {
    for (const [key, value] of Object.entries(batch.values)) {
      const bar = key.indexOf('|');
      const name = bar < 0 ? key : key.slice(0, bar);
      if (!metrics.has(name)) continue;
      const { labels } = parsed.get(key) ?? parseSeriesKey(key);
      parsed.set(key, { name, labels });
      const byKey = found.get(name) ?? new Map();
      found.set(name, byKey);
      const id = `${batch.source}|${key}`;
      const series = byKey.get(id) ?? { labels: { ...batch.labels, ...labels }, times: [], values: [] };
      byKey.set(id, series);
      series.times.push(batch.at);
      series.values.push(lastOf(value));
    }
  }
  return new Map([...found].map(([name, byKey]) => [name, [...byKey.values()]]));
}
