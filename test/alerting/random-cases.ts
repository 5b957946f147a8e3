import type { Series, SeriesSet } from '../../src/alerting/evaluate/series';
import type { Rule } from '../../src/alerting/rules/rule-schema';
import { MINUTE } from '../../src/clock';
import { ruleOf } from './rule';

/** A rule and the series it looks at: as this app keeps them, and as Prometheus gets them. */
export interface RandomCase {
  readonly rule: Rule;
  readonly series: SeriesSet;
  readonly input: readonly { readonly series: string; readonly values: string }[];
}

export const TICKS = 24;

/** The same numbers for the same seed, so that a failure can be seen again. */
export function random(seed: number) {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (n: number) => Math.floor(next() * n);
  return {
    below,
    chance: (share: number) => next() < share,
    pick: <T>(items: readonly T[]) => items[below(items.length)] as T,
  };
}

type Random = ReturnType<typeof random>;

const gaugeKinds = ['last', 'avg', 'min', 'max', 'sum', 'quantile', 'predict', 'absent'] as const;
const counterKinds = ['delta', 'rate', 'ratio'] as const;

export function randomCase(index: number, dice: Random): RandomCase {
  const aggregation = dice.pick([...gaugeKinds, ...gaugeKinds, ...counterKinds]);
  const counts = (counterKinds as readonly string[]).includes(aggregation);
  const windowMinutes = 1 + dice.below(4) + (counts || aggregation === 'predict' ? 1 : 0);
  const window = `${windowMinutes}m`;
  const where = { case: String(index) };
  const base: Partial<Rule> = {
    name: `Case${index}`,
    where,
    aggregation,
    window,
    for: `${dice.pick([0, 0, 1, 2, 3, 4])}m`,
    ...(dice.chance(0.4) ? { keepFiringFor: `${1 + dice.below(4)}m` } : {}),
    severity: dice.pick(['critical', 'warning', 'info']),
    ...(dice.chance(0.2) ? { labels: { team: 'cache' } } : {}),
  };
  const nodes = dice.chance(0.3) ? ['a', 'b'] : ['a'];
  return counts
    ? counterCase(base, aggregation as 'delta' | 'rate' | 'ratio', windowMinutes, nodes, dice)
    : gaugeCase(base, aggregation as (typeof gaugeKinds)[number], nodes, dice);
}

function gaugeCase(base: Partial<Rule>, aggregation: Rule['aggregation'], nodes: string[], dice: Random): RandomCase {
  const gaps = dice.pick([0, 0.1, 0.3]);
  const sticky = dice.pick([0, 0.5, 0.8]);
  const made = nodes.map((node) => gauge('redis_clients', { ...base.where, node }, gaps, sticky, dice));
  const by = aggregation !== 'absent' && dice.chance(0.2) ? ['case'] : undefined;
  const and = aggregation !== 'absent' && dice.chance(0.2);
  const second = nodes.map((node) => gauge('redis_keys', { ...base.where, node }, 0.1, 0.5, dice));
  const rule: Rule = {
    ...ruleOf(base),
    metric: 'redis_clients',
    ...(aggregation === 'absent'
      ? {}
      : { compare: dice.pick(['>', '>=', '<', '<='] as const), threshold: dice.below(4) + 0.5 }),
    ...(aggregation === 'quantile' ? { quantile: dice.pick([0, 0.25, 0.5, 0.9, 1]) } : {}),
    ...(aggregation === 'predict' ? { ahead: `${1 + dice.below(10)}m` } : {}),
    ...(by ? { by } : {}),
    ...(and
      ? {
          and: [
            {
              metric: 'redis_keys',
              where: base.where ?? {},
              aggregation: 'max',
              window: '2m',
              compare: '>',
              threshold: 0.5,
            },
          ],
        }
      : {}),
  };
  if (aggregation === 'absent') {
    delete rule.compare;
    delete rule.threshold;
  }
  return {
    rule,
    series: new Map([
      ['redis_clients', made.map((it) => it.series)],
      ['redis_keys', second.map((it) => it.series)],
    ]),
    input: [...made, ...second].map((it) => it.input),
  };
}

function gauge(metric: string, labels: Record<string, string>, gaps: number, sticky: number, dice: Random) {
  const times: number[] = [];
  const values: number[] = [];
  const words: string[] = [];
  let value = dice.below(4);
  let missing = false;
  for (let minute = 0; minute < TICKS; minute += 1) {
    if (!dice.chance(sticky)) value = dice.below(5);
    missing = dice.chance(missing ? 0.6 : gaps);
    words.push(missing ? '_' : String(value));
    if (missing) continue;
    times.push(minute * MINUTE);
    values.push(value);
  }
  return { series: { labels, times, values }, input: { series: named(metric, labels), values: words.join(' ') } };
}

function counterCase(
  base: Partial<Rule>,
  aggregation: 'delta' | 'rate' | 'ratio',
  windowMinutes: number,
  nodes: string[],
  dice: Random,
): RandomCase {
  const counter = (metric: string) =>
    nodes.map((node) => counting(metric, { ...base.where, node }, windowMinutes, dice));
  const top = counter('redis_keyspace_hits');
  const other = aggregation === 'ratio' ? counter('redis_keyspace_misses') : [];
  const threshold =
    aggregation === 'ratio'
      ? dice.pick([0.3, 0.51, 0.77])
      : (dice.below(12) + 0.5) / (aggregation === 'rate' ? windowMinutes * 60 : 1);
  const ratio = {
    over: ['redis_keyspace_hits', 'redis_keyspace_misses'],
    by: ['case'],
    minimum: 1 + dice.below(8) - 0.5,
  };
  return {
    rule: {
      ...ruleOf(base),
      metric: 'redis_keyspace_hits',
      compare: dice.pick(['>', '<'] as const),
      threshold,
      ...(aggregation === 'ratio' ? ratio : {}),
    },
    series: new Map([
      ['redis_keyspace_hits', top.map((it) => it.series)],
      ['redis_keyspace_misses', other.map((it) => it.series)],
    ]),
    input: [...top, ...other].map((it) => it.input),
  };
}

/**
 * A counter that stands still until the window is full, since Prometheus extrapolates over what it hasn't seen; then it
 * grows, and sometimes restarts. Ours is kept as what it grew by.
 */
function counting(metric: string, labels: Record<string, string>, windowMinutes: number, dice: Random) {
  const times: number[] = [];
  const deltas: number[] = [];
  let value = dice.below(100);
  const words = [String(value)];
  for (let minute = 1; minute < TICKS; minute += 1) {
    const before = value;
    if (minute > windowMinutes) value = dice.chance(0.1) ? dice.below(before + 1) : before + dice.below(6);
    words.push(String(value));
    times.push(minute * MINUTE);
    deltas.push(value < before ? value : value - before);
  }
  const series: Series = { labels, times, values: deltas };
  return { series, input: { series: named(`${metric}_total`, labels), values: words.join(' ') } };
}

const named = (metric: string, labels: Record<string, string>) =>
  `${metric}{${Object.entries(labels)
    .map(([name, value]) => `${name}="${value}"`)
    .join(',')}}`;
