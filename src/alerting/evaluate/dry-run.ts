import * as z from 'zod';
import { MINUTE } from '../../clock';
import type { Rule } from '../rules/rule-schema';
import { type AlertEvent, emptyState } from './alert-state';
import { evaluate } from './evaluate';
import { metricsOf } from './expression';
import type { Series } from './series';

/** Series to test rules with: one value per minute from minute 0, null for no sample; counters as their growth. */
export const seriesFileSchema = z.strictObject({
  series: z
    .array(
      z.strictObject({
        metric: z.string(),
        labels: z.record(z.string(), z.string()).optional(),
        values: z.array(z.number().nullable()),
      }),
    )
    .min(1),
});

export type SeriesFile = z.output<typeof seriesFileSchema>;

/** The events that the rules produce, minute by minute, up to a minute after the last value. */
export function dryRun(rules: readonly Rule[], file: SeriesFile): readonly AlertEvent[] {
  const byMetric = new Map<string, Series[]>();
  for (const { metric, labels = {}, values } of file.series) {
    const points = values.flatMap((value, minute) => (value === null ? [] : [{ at: minute * MINUTE, value }]));
    const series = { labels, times: points.map(({ at }) => at), values: points.map(({ value }) => value) };
    byMetric.set(metric, [...(byMetric.get(metric) ?? []), series]);
  }
  // A rule over metrics that are not in the file could only report `absent`.
  const judged = rules.filter((rule) => metricsOf(rule).some((metric) => byMetric.has(metric)));
  const minutes = Math.max(...file.series.map(({ values }) => values.length));
  const events: AlertEvent[] = [];
  let state = emptyState;
  for (let minute = 0; minute <= minutes; minute += 1) {
    const evaluated = evaluate(judged, byMetric, state, minute * MINUTE);
    state = evaluated.state;
    events.push(...evaluated.events);
  }
  return events;
}
