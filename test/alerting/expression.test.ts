import { judge } from '../../src/alerting/evaluate/expression';
import type { Rule } from '../../src/alerting/rules/rule-schema';
import { MINUTE } from '../../src/clock';
import { ruleOf, seriesOf } from './rule';

const value = (over: Partial<Rule>, series: Map<string, ReturnType<typeof seriesOf>[]>, minute: number) =>
  judge(ruleOf(over), series, minute * MINUTE)[0]?.value;

const gauge = new Map([['redis_clients', [seriesOf([4, 1, 3, 2])]]]);

test.each([
  ['last', 2],
  ['avg', 2],
  ['min', 1],
  ['max', 3],
  ['sum', 6],
] as const)('%s looks at the samples after the window began, up to the tick', (aggregation, expected) => {
  expect(value({ aggregation, window: '3m' }, gauge, 3)).toBe(expected);
});

test('a quantile lies between neighbours in rank', () => {
  expect(value({ aggregation: 'quantile', quantile: 0.25, window: '4m' }, gauge, 3)).toBe(1.75);
});

test('delta is what a counter grew by, and rate spreads it over the whole window', () => {
  const grown = new Map([['redis_evicted_keys', [seriesOf([undefined, 60, 0, 60])]]]);
  expect(value({ metric: 'redis_evicted_keys', aggregation: 'delta', window: '3m' }, grown, 3)).toBe(120);
  expect(value({ metric: 'redis_evicted_keys', aggregation: 'rate', window: '4m' }, grown, 3)).toBe(0.5);
});

test('a ratio sums before it divides, and says nothing below its minimum', () => {
  const series = new Map([
    ['redis_keyspace_hits', [seriesOf([90], { cache: 'c', node: 'a' }), seriesOf([0], { cache: 'c', node: 'b' })]],
    ['redis_keyspace_misses', [seriesOf([0], { cache: 'c', node: 'a' }), seriesOf([10], { cache: 'c', node: 'b' })]],
  ]);
  const over = ['redis_keyspace_hits', 'redis_keyspace_misses'];
  const rule: Partial<Rule> = { metric: 'redis_keyspace_hits', over, by: ['cache'], aggregation: 'ratio' };
  expect(value({ ...rule, minimum: 100 }, series, 0)).toBe(0.9);
  expect(judge(ruleOf({ ...rule, minimum: 101 }), series, 0)).toEqual([]);
});

test('a line through the samples says what will be', () => {
  const rising = new Map([['redis_memory_used_share', [seriesOf([0.5, 0.51, 0.52, 0.53])]]]);
  const rule: Partial<Rule> = { metric: 'redis_memory_used_share', aggregation: 'predict', window: '15m', ahead: '1h' };
  expect(value(rule, rising, 3)).toBeCloseTo(1.13, 10);
  expect(value(rule, new Map([['redis_memory_used_share', [seriesOf([0.5])]]]), 0)).toBeUndefined();
});

test('`and` holds for the same labels only', () => {
  const series = new Map([
    ['redis_fragmentation_ratio', [seriesOf([2], { node: 'a' }), seriesOf([2], { node: 'b' })]],
    ['redis_fragmentation_bytes', [seriesOf([1e9], { node: 'b' })]],
  ]);
  const and: Rule['and'] = [
    { metric: 'redis_fragmentation_bytes', aggregation: 'last', window: '1m', compare: '>', threshold: 1e8 },
  ];
  const judged = judge(ruleOf({ metric: 'redis_fragmentation_ratio', threshold: 1.5, and }), series, 0);
  expect(judged.filter(({ holds }) => holds).map(({ labels }) => labels.node)).toEqual(['b']);
});
