import { isCounter } from '../../monitoring/metrics/metric-catalog';
import { labelText } from '../../monitoring/metrics/prometheus-text';
import type { Labels } from '../../monitoring/samples/sample-store';
import { durationMs } from './duration';
import type { Condition, Rule } from './rule-schema';

/** The rules as Prometheus YAML, over the metrics of `/api/metrics`. JSON strings are valid YAML strings. */
export function toPrometheusRules(rules: readonly Rule[]): string {
  const lines = ['groups:', '  - name: cache-steward', '    interval: 1m', '    rules:'];
  for (const rule of rules) {
    lines.push(
      `      - alert: ${rule.name}`,
      `        expr: ${JSON.stringify(toPromQl(rule))}`,
      `        for: ${rule.for}`,
    );
    if (rule.keepFiringFor) lines.push(`        keep_firing_for: ${rule.keepFiringFor}`);
    lines.push('        labels:');
    for (const [name, value] of Object.entries({ ...rule.labels, severity: rule.severity })) {
      lines.push(`          ${name}: ${JSON.stringify(value)}`);
    }
    const summary = rule.summary
      .replace(/\{value(?::\w+)?\}/g, '{{ $value }}')
      .replace(/\{(\w+)\}/g, '{{ $labels.$1 }}');
    lines.push('        annotations:', `          summary: ${JSON.stringify(summary)}`);
    lines.push(`          runbook: ${JSON.stringify(rule.runbook)}`);
    if (rule.limit !== undefined) lines.push(`        # limit ${rule.limit}: belongs to a group in Prometheus`);
  }
  return `${lines.join('\n')}\n`;
}

/** The rule's condition as one expression. */
export function toPromQl(rule: Rule): string {
  if (rule.aggregation === 'absent') return `absent_over_time(${selector(rule.metric, rule.where, rule.window)})`;
  const compared = `${number(rule)} ${rule.compare} ${rule.threshold}`;
  const others = (rule.and ?? []).map((it) => `${summed(aggregated(it), rule.by)} ${it.compare} ${it.threshold}`);
  return [compared, ...others].join(' and ');
}

function number(rule: Rule): string {
  if (rule.aggregation !== 'ratio') return summed(aggregated(rule), rule.by);
  const grown = (metric: string, where?: Labels) =>
    summed(aggregated({ metric, where, aggregation: 'delta', window: rule.window }), rule.by);
  const below = (rule.over ?? []).map((metric) => grown(metric));
  const denominator = below.length === 1 ? below.join() : `(${below.join(' + ')})`;
  return `${grown(rule.metric, rule.where)} / (${denominator} ${rule.minimum ? `>= ${rule.minimum}` : '> 0'})`;
}

const summed = (expression: string, by: readonly string[] | undefined) =>
  by ? `sum by (${by.join(', ')}) (${expression})` : expression;

type Aggregated = Pick<Rule, 'metric' | 'where' | 'window' | 'quantile' | 'ahead'> & {
  readonly aggregation: Rule['aggregation'] | Condition['aggregation'];
};

function aggregated({ metric, where, window, aggregation, quantile, ahead }: Aggregated): string {
  const range = selector(metric, where, window);
  if (aggregation === 'delta' || (aggregation === 'sum' && isCounter(metric))) return `increase(${range})`;
  if (aggregation === 'rate') return `rate(${range})`;
  if (aggregation === 'quantile') return `quantile_over_time(${quantile}, ${range})`;
  if (aggregation === 'predict') return `predict_linear(${range}, ${durationMs(ahead ?? '0s') / 1_000})`;
  return `${aggregation}_over_time(${range})`;
}

const selector = (metric: string, where: Labels | undefined, window: string) =>
  `${isCounter(metric) ? `${metric}_total` : metric}${labelText(where ?? {})}[${window}]`;
