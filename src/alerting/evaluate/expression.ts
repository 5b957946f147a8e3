import type { Labels } from '../../monitoring/samples/sample-store';
import { durationMs } from '../rules/duration';
import type { Condition, Rule } from '../rules/rule-schema';
import type { Series, SeriesSet } from './series';
import { aggregate, windowOf } from './window';

/** One series' number at a tick, and whether the rule's condition holds for it. */
export type Element = { readonly labels: Labels; readonly value: number; readonly holds: boolean };

const compare = {
  '>': (a: number, b: number) => a > b,
  '>=': (a: number, b: number) => a >= b,
  '<': (a: number, b: number) => a < b,
  '<=': (a: number, b: number) => a <= b,
  '==': (a: number, b: number) => a === b,
  '!=': (a: number, b: number) => a !== b,
} as const;

/** Every element that the rule can judge at `at`. A series without samples in the window does not exist for it. */
export function judge(rule: Rule, series: SeriesSet, at: number): readonly Element[] {
  if (rule.aggregation === 'absent') return judgeAbsent(rule, series, at);
  const numbers = rule.aggregation === 'ratio' ? ratios(rule, series, at) : aggregates(rule, series, at);
  const others = (rule.and ?? []).map((condition) => {
    const found = new Map<string, number>();
    for (const { labels, value } of aggregates({ ...condition, by: rule.by }, series, at)) {
      found.set(identity(labels), value);
    }
    return (labels: Labels) => {
      const value = found.get(identity(labels));
      return value !== undefined && compare[condition.compare](value, condition.threshold);
    };
  });
  const holds = compare[rule.compare ?? '>'];
  const threshold = rule.threshold ?? 0;
  return numbers.map(({ labels, value }) => ({
    labels,
    value,
    holds: holds(value, threshold) && others.every((other) => other(labels)),
  }));
}

/** If no series has a sample: one element with the labels of the rule's selector. */
function judgeAbsent(rule: Rule, series: SeriesSet, at: number): readonly Element[] {
  const after = at - durationMs(rule.window);
  const seen = matching(series, rule.metric, rule.where).some((it) => windowOf(it, after, at).values.length > 0);
  return [{ labels: rule.where ?? {}, value: 1, holds: !seen }];
}

type Numbers = readonly { readonly labels: Labels; readonly value: number }[];

type Aggregated = Pick<Rule, 'metric' | 'where' | 'by' | 'window' | 'quantile' | 'ahead'> & {
  readonly aggregation: Rule['aggregation'] | Condition['aggregation'];
};

function aggregates(aggregated: Aggregated, series: SeriesSet, at: number): Numbers {
  const how = aggregated.aggregation;
  if (how === 'ratio' || how === 'absent') return [];
  const windowMs = durationMs(aggregated.window);
  const options = {
    at,
    windowMs,
    quantile: aggregated.quantile,
    aheadMs: aggregated.ahead ? durationMs(aggregated.ahead) : undefined,
  };
  const numbers: { labels: Labels; value: number }[] = [];
  for (const it of matching(series, aggregated.metric, aggregated.where)) {
    const value = aggregate(how, windowOf(it, at - windowMs, at), options);
    if (value !== undefined) numbers.push({ labels: it.labels, value });
  }
  return aggregated.by ? summed(numbers, aggregated.by) : numbers;
}

/** Sums first, then divides; no element if the denominator is 0 or below the rule's minimum. */
function ratios(rule: Rule, series: SeriesSet, at: number): Numbers {
  const { by, window } = rule;
  const delta = (metric: string, where?: Labels) =>
    aggregates({ metric, where, by, window, aggregation: 'delta' }, series, at);
  const numerators = new Map(delta(rule.metric, rule.where).map((it) => [identity(it.labels), it.value]));
  const denominators = summed(
    (rule.over ?? []).flatMap((metric) => delta(metric)),
    by ?? [],
  );
  return denominators.flatMap(({ labels, value }) => {
    const numerator = numerators.get(identity(labels));
    const enough = value > 0 && value >= (rule.minimum ?? 0);
    return enough && numerator !== undefined ? [{ labels, value: numerator / value }] : [];
  });
}

function summed(numbers: Numbers, by: readonly string[]): Numbers {
  const groups = new Map<string, { labels: Labels; value: number }>();
  for (const { labels, value } of numbers) {
    const kept = Object.fromEntries(by.flatMap((name) => (labels[name] === undefined ? [] : [[name, labels[name]]])));
    const group = groups.get(identity(kept));
    if (group) group.value += value;
    else groups.set(identity(kept), { labels: kept, value });
  }
  return [...groups.values()];
}

function matching(series: SeriesSet, metric: string, where?: Labels): readonly Series[] {
  const all = series.get(metric) ?? [];
  if (!where) return all;
  const wanted = Object.entries(where);
  return all.filter(({ labels }) => wanted.every(([name, value]) => labels[name] === value));
}

/** Labels as one text, the same for the same labels. */
export const identity = (labels: Labels): string =>
  JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));

/** The metrics that a rule uses. */
export const metricsOf = (rule: Rule): readonly string[] => [
  rule.metric,
  ...(rule.over ?? []),
  ...(rule.and ?? []).map(({ metric }) => metric),
];

/** How far back a rule needs samples, in ms. */
export const reachOf = (rule: Rule): number =>
  Math.max(durationMs(rule.window), ...(rule.and ?? []).map(({ window }) => durationMs(window)));
