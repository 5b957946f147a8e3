import { type AlertState, emptyState } from '../../src/alerting/evaluate/alert-state';
import { evaluate, RESOLVED_RETENTION } from '../../src/alerting/evaluate/evaluate';
import type { SeriesSet } from '../../src/alerting/evaluate/series';
import type { Rule } from '../../src/alerting/rules/rule-schema';
import { MINUTE } from '../../src/clock';
import { ruleOf, seriesOf, setOf } from './rule';

/** The state of the one instance at each minute, from minute 0: `.` none, `p`ending, `F`iring, `r`esolved. */
function course(rule: Rule, series: SeriesSet, minutes: number): string {
  let state: AlertState = emptyState;
  let text = '';
  for (let minute = 0; minute < minutes; minute += 1) {
    state = evaluate([rule], series, state, minute * MINUTE).state;
    const [instance] = Object.values(state.alerts);
    text += instance ? { pending: 'p', firing: 'F', inactive: 'r' }[instance.state] : '.';
  }
  return text;
}

const clients = (pattern: string) =>
  setOf('redis_clients', seriesOf([...pattern].map((char) => (char === '_' ? undefined : Number(char)))));

test.each([
  ['without `for` it fires in the evaluation that sees it', {}, '0110', '.FFr'],
  ['true from minute 1 with `for: 2m` fires at minute 3, not 2', { for: '2m' }, '01111', '.ppFF'],
  ['a blip restarts the clock, and what was pending goes at once', { for: '2m' }, '01101111', '.pp.ppFF'],
  ['keepFiringFor counts from the first evaluation that missed', { keepFiringFor: '3m' }, '011110000', '.FFFFFFFr'],
  ['keepFiringFor never protects what is pending', { for: '2m', keepFiringFor: '5m' }, '0110000', '.pp....'],
  ['a condition that returns while it is kept starts the keeping again', { keepFiringFor: '2m' }, '0101000', '.FFFFFr'],
  ['firing again after it was resolved waits for `for` again', { for: '1m' }, '0110111', '.pFrpFF'],
  ['a series without a sample in the window is not there', {}, '11__1', 'FFrrF'],
  ['a window of 3m bridges a gap of two minutes', { window: '3m' }, '11__1', 'FFFFF'],
  ['noData: keep leaves it as it was while there is no sample', { noData: 'keep' }, '11__0', 'FFFFr'],
  ['noData: keep goes on counting what is pending', { for: '2m', noData: 'keep' }, '1__1', 'ppFF'],
] as [string, Partial<Rule>, string, string][])('%s', (_, over, pattern, expected) => {
  expect(course(ruleOf(over), clients(pattern), expected.length)).toBe(expected);
});

test('absent fires when the collector dies, and resolves when it is back', () => {
  const { compare: _, threshold: __, ...rest } = ruleOf({ aggregation: 'absent', window: '2m', for: '1m' });
  expect(course(rest, clients('11_____1'), 9)).toBe('...pFFFrr');
});

test('a resolved instance is remembered for fifteen minutes, then forgotten', () => {
  const pattern = `1${'0'.repeat(20)}`;
  const kept = 1 + RESOLVED_RETENTION / MINUTE;
  expect(course(ruleOf(), clients(pattern), 20)).toBe(`F${'r'.repeat(kept)}${'.'.repeat(19 - kept)}`);
});

test('identity is the labels: value and summary change, the instance stays', () => {
  const series = setOf('redis_clients', seriesOf([1, 7]));
  const first = evaluate([ruleOf()], series, emptyState, 0).state;
  const second = evaluate([ruleOf()], series, first, MINUTE).state;
  expect(Object.keys(second.alerts)).toEqual(Object.keys(first.alerts));
  expect(Object.values(second.alerts)[0]).toMatchObject({ value: 7, summary: '7 on a:1', activeAt: 0 });
});

test('each series is an instance of its own, and a rule’s labels that hide the difference are a fault', () => {
  const series = setOf('redis_clients', seriesOf([1], { node: 'a:1' }), seriesOf([1], { node: 'b:1' }));
  const both = evaluate([ruleOf()], series, emptyState, 0).state;
  expect(Object.values(both.alerts).map(({ labels }) => labels.node)).toEqual(['a:1', 'b:1']);
  const hiding = evaluate([ruleOf({ labels: { node: 'x' } })], series, both, 0);
  expect(hiding.state.faults.Test).toMatch(/two series/);
  expect(hiding.state.alerts).toEqual(both.alerts);
});

test('more instances than the limit clear the rule and are a fault of it alone', () => {
  const many = Array.from({ length: 11 }, (_, index) => seriesOf([1], { node: `n${index}:1` }));
  const rules = [ruleOf({ limit: 10 }), ruleOf({ name: 'Other' })];
  const { state } = evaluate(rules, setOf('redis_clients', ...many), emptyState, 0);
  expect(state.faults).toEqual({ Test: '11 instances are more than its limit of 10; all were cleared' });
  expect(Object.values(state.alerts).map(({ rule }) => rule)).toEqual(Array(11).fill('Other'));
});

test('ten thousand instances fire and resolve at once', () => {
  const many = Array.from({ length: 10_000 }, (_, index) => seriesOf([1, 0], { node: `n${index}:1` }));
  const series = setOf('redis_clients', ...many);
  const fired = evaluate([ruleOf()], series, emptyState, 0);
  expect(fired.events.filter(({ kind }) => kind === 'firing')).toHaveLength(10_000);
  expect(
    evaluate([ruleOf()], series, fired.state, MINUTE).events.filter(({ kind }) => kind === 'resolved'),
  ).toHaveLength(10_000);
});

test('an instance of a rule that is no longer in the file resolves, and its episode is kept for the report', () => {
  const fired = evaluate([ruleOf()], clients('1'), emptyState, 0).state;
  const { state, events } = evaluate([], clients('1'), fired, MINUTE);
  expect(events.map(({ kind }) => kind)).toEqual(['resolved']);
  expect(state.episodes).toEqual([expect.objectContaining({ rule: 'Test', firedAt: 0, resolvedAt: MINUTE })]);
});

test('a rule over a metric that never existed is quiet', () => {
  expect(evaluate([ruleOf({ metric: 'steward_never' })], new Map(), emptyState, 0).state.alerts).toEqual({});
});

test('evaluating is pure: the state that was given is not changed', () => {
  const before = evaluate([ruleOf()], clients('1'), emptyState, 0).state;
  const text = JSON.stringify(before);
  evaluate([ruleOf()], clients('10'), before, MINUTE);
  expect(JSON.stringify(before)).toBe(text);
});
