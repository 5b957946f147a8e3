import { SECOND } from '../../clock';
import { fitLine } from '../../least-squares';
import type { Rule } from '../rules/rule-schema';
import type { Series } from './series';

/** The samples of a series with `after < time <= until`: the values, and their times. */
export type Window = { readonly times: readonly number[]; readonly values: readonly number[] };

export function windowOf(series: Series, after: number, until: number): Window {
  const from = firstAfter(series.times, after);
  const to = firstAfter(series.times, until);
  if (from === 0 && to === series.times.length) return series;
  return { times: series.times.slice(from, to), values: series.values.slice(from, to) };
}

/** Index of the first time above `bound`. */
function firstAfter(times: readonly number[], bound: number): number {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((times[middle] as number) <= bound) low = middle + 1;
    else high = middle;
  }
  return low;
}

export interface AggregateOptions {
  readonly windowMs: number;
  readonly quantile?: number | undefined;
  readonly aheadMs?: number | undefined;
  /** The tick, in ms since 1970. */
  readonly at: number;
}

/**
 * Reduces the window to one number; undefined if it holds too few samples. Counters are stored as their growth, so
 * `delta` is a plain sum, and `rate` is that sum over the whole window: nothing is extrapolated. (`ratio` and `absent`
 * need more than one series: see expression.ts.)
 */
export function aggregate(
  how: Exclude<Rule['aggregation'], 'ratio' | 'absent'>,
  window: Window,
  options: AggregateOptions,
): number | undefined {
  const { values } = window;
  if (values.length === 0) return undefined;
  if (how === 'quantile') return quantile(options.quantile ?? 0.5, values);
  return how === 'predict' ? predict(window, options.at, options.aheadMs ?? 0) : plain[how](values, options.windowMs);
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

const plain = {
  last: (values: readonly number[]) => values.at(-1),
  avg: (values: readonly number[]) => sum(values) / values.length,
  min: (values: readonly number[]) => values.reduce((least, value) => Math.min(least, value)),
  max: (values: readonly number[]) => values.reduce((most, value) => Math.max(most, value)),
  sum,
  delta: sum,
  rate: (values: readonly number[], windowMs: number) => sum(values) / (windowMs / SECOND),
};

/** Interpolates between two neighbours in rank. */
export function quantile(share: number, values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const rank = share * (sorted.length - 1);
  const low = sorted[Math.floor(rank)] ?? Number.NaN;
  const high = sorted[Math.ceil(rank)] ?? Number.NaN;
  return low + (high - low) * (rank - Math.floor(rank));
}

/** The value that the least-squares line through the samples has `aheadMs` after `at`; needs two samples. */
export function predict({ times, values }: Window, at: number, aheadMs: number): number | undefined {
  const points = times.map((time, index) => [(time - at) / SECOND, values[index] as number] as const);
  return fitLine(points)?.at(aheadMs / SECOND);
}
