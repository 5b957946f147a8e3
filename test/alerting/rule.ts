import type { Series, SeriesSet } from '../../src/alerting/evaluate/series';
import type { Rule } from '../../src/alerting/rules/rule-schema';
import { MINUTE } from '../../src/clock';

/** A rule that holds while the gauge `redis_clients` is above 0, with what the test cares about put over it. */
export function ruleOf(over: Partial<Rule> = {}): Rule {
  return {
    name: 'Test',
    evaluatedBy: ['app'],
    metric: 'redis_clients',
    aggregation: 'last',
    window: '1m',
    compare: '>',
    threshold: 0,
    for: '0s',
    severity: 'warning',
    summary: '{value:number} on {node}',
    runbook: 'docs/runbooks/test.md',
    ...over,
  };
}

/** A series with a value a minute from minute 0; `undefined` is a minute without a sample. */
export function seriesOf(
  values: readonly (number | undefined)[],
  labels: Record<string, string> = { node: 'a:1' },
): Series {
  const times: number[] = [];
  const kept: number[] = [];
  values.forEach((value, minute) => {
    if (value === undefined) return;
    times.push(minute * MINUTE);
    kept.push(value);
  });
  return { labels, times, values: kept };
}

export const setOf = (metric: string, ...series: Series[]): SeriesSet => new Map([[metric, series]]);
