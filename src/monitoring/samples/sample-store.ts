import { MINUTE } from '../../clock';

/**
 * Terms. A *sample* is one number of one series at one tick. A *series* is a metric's name with labels. A *batch* holds
 * the samples of one source (a node, the app, Azure Monitor) at one tick. A *gauge* is stored as it was read; a *counter*
 * is stored as its growth since the last batch, so that sums over time and over nodes are plain sums.
 */

export type Labels = Readonly<Record<string, string>>;

export type Resolution = 'minute' | 'hour' | 'day';

/** Many samples as one. */
export type Rolled = readonly [count: number, sum: number, min: number, max: number, last: number];

export interface SampleBatch {
  /** The scheduled tick, in ms since 1970; for a rolled-up batch the start of its hour or day. */
  readonly at: number;
  /** A node's address, `app` or `azure`. */
  readonly source: string;
  /** Labels of every sample of the batch: `cache`, and `node` if the source is one. */
  readonly labels: Labels;
  /** Facts about the source that may change, and so do not identify a series: role, version, shard. */
  readonly info: Labels;
  /** By series key; a number at `minute`, rolled up otherwise. */
  readonly values: Readonly<Record<string, number | Rolled>>;
}

/** The last values of a source's counters, from which the next tick computes their growth. */
export interface Baseline {
  readonly source: string;
  readonly at: number;
  /** Changes when the counters restart: the node's `run_id`. Empty if the server shows none: then only drops show it. */
  readonly identity: string;
  /** When they were read, in ms since 1970. */
  readonly readAt: number;
  readonly counters: Readonly<Record<string, number>>;
  /** Growth of each counter since the source was first seen, over restarts and failovers. */
  readonly totals: Readonly<Record<string, number>>;
}

export interface SampleRange {
  /** Exclusive, in ms since 1970. */
  readonly after: number;
  /** Inclusive. */
  readonly until: number;
  /** Default: `minute`. */
  readonly resolution?: Resolution;
}

/** Stores samples. */
export interface SampleStore {
  /** Stores the batches of one tick with their baselines; for each source both or neither. Idempotent. */
  write(batches: readonly SampleBatch[], baselines: readonly Baseline[]): Promise<void>;
  /** The newest baseline of each source that was written within a day before `now`. */
  baselines(now: number): Promise<readonly Baseline[]>;
  /** Stores rolled-up batches. Idempotent. */
  writeRolled(resolution: 'hour' | 'day', batches: readonly SampleBatch[]): Promise<void>;
  /** The batches of the range, by time, then source. */
  read(range: SampleRange): Promise<readonly SampleBatch[]>;
  /** Removes batches older than `before`, at most 5,000 at a time, and returns how many. */
  prune(resolution: Resolution, before: number): Promise<number>;
}

/** A source without samples for longer than this is not shown. */
export const LOOK_BACK = 5 * MINUTE;

/** The newest batch of each source. */
export async function latestBatches(store: SampleStore, now: number): Promise<readonly SampleBatch[]> {
  const newest = new Map<string, SampleBatch>();
  for (const batch of await store.read({ after: now - LOOK_BACK, until: now })) newest.set(batch.source, batch);
  return [...newest.values()];
}

/** `name` or `name|label=value,label=value`, labels sorted. */
export function seriesKey(name: string, labels: Labels = {}): string {
  const pairs = Object.keys(labels)
    .sort()
    .map((label) => `${label}=${escaped(labels[label] ?? '')}`);
  return pairs.length === 0 ? name : `${name}|${pairs.join(',')}`;
}

const escaped = (value: string) =>
  value.replace(/[%|,=\s]/g, (char) => `%${char.charCodeAt(0).toString(16).padStart(2, '0')}`);

/** The inverse of {@link seriesKey}. */
export function parseSeriesKey(key: string): { readonly name: string; readonly labels: Labels } {
  const bar = key.indexOf('|');
  if (bar < 0) return { name: key, labels: {} };
  const labels: Record<string, string> = {};
  for (const pair of key.slice(bar + 1).split(',')) {
    const equals = pair.indexOf('=');
    if (equals > 0) labels[pair.slice(0, equals)] = decoded(pair.slice(equals + 1));
  }
  return { name: key.slice(0, bar), labels };
}

type SeriesValue = { readonly labels: Labels; readonly value: number | Rolled };

const indexes = new WeakMap<SampleBatch, ReadonlyMap<string, SeriesValue[]>>();

/** The series of a metric in a batch. The batch's keys are parsed once, for all metrics. */
export function seriesIn(batch: SampleBatch, metric: string): readonly SeriesValue[] {
  let index = indexes.get(batch);
  if (index === undefined) {
    index = Map.groupBy(
      Object.entries(batch.values).map(([key, value]) => ({ ...parseSeriesKey(key), value })),
      ({ name }) => name,
    );
    indexes.set(batch, index);
  }
  return index.get(metric) ?? [];
}

const decoded = (value: string) =>
  value.replace(/%([0-9a-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));

export const countOf = (value: number | Rolled): number => (typeof value === 'number' ? 1 : value[0]);
export const sumOf = (value: number | Rolled): number => (typeof value === 'number' ? value : value[1]);
export const minOf = (value: number | Rolled): number => (typeof value === 'number' ? value : value[2]);
export const maxOf = (value: number | Rolled): number => (typeof value === 'number' ? value : value[3]);
export const lastOf = (value: number | Rolled): number => (typeof value === 'number' ? value : value[4]);
export const meanOf = (value: number | Rolled): number => sumOf(value) / countOf(value);
