import * as z from 'zod';
import { DURATION } from './duration';

// The schema of `alerts/rules.json`. `npm run generate` writes `alerts/rules.schema.json` from it.

const duration = z
  .string()
  .regex(DURATION, 'expected a whole number with s, m, h or d, such as 5m')
  .describe('A whole number with its unit: s, m, h or d.');
const metric = z.string().regex(/^[a-z][a-z0-9_]*$/, 'expected lower-case letters, digits and underscores');
const labels = z.record(z.string().regex(/^[a-z_][a-z0-9_]*$/), z.string());

const overTime = ['last', 'avg', 'min', 'max', 'sum', 'delta', 'rate'] as const;
export const aggregations = [...overTime, 'ratio', 'quantile', 'absent', 'predict'] as const;

export const comparisons = ['>', '>=', '<', '<=', '==', '!='] as const;

const condition = z.strictObject({
  metric: metric.describe('Name of the metric, as in docs/metrics.md.'),
  where: labels.optional().describe('Only series that have these labels.'),
  aggregation: z.enum(overTime).describe('How the samples of the window become one number.'),
  window: duration.describe('Older samples are ignored.'),
  compare: z.enum(comparisons),
  threshold: z.number(),
});

const azureMetric = z.strictObject({
  metric: z.string().describe('Name of the platform metric.'),
  aggregation: z.enum(['Average', 'Maximum', 'Minimum', 'Total', 'Count']),
  operator: z.enum(['GreaterThan', 'GreaterThanOrEqual', 'LessThan', 'LessThanOrEqual']),
  threshold: z.int().describe('In the unit of the platform metric: Bicep knows whole numbers only.'),
  percentOf: z
    .enum(['maxClients'])
    .optional()
    .describe("The threshold is a percentage of this capacity of the chosen tier, not the metric's own unit."),
  unit: z.enum(['microseconds']).optional().describe('Only if it is neither percent nor a count.'),
  dimensions: z.array(z.string()).optional().describe('Dimensions to split by; each value is judged alone.'),
});

const iso = z.string().regex(/^PT\d+[MH]$/);

export const ruleSchema = z.strictObject({
  name: z
    .string()
    .regex(/^[A-Z][A-Za-z0-9]*$/, 'expected a name in PascalCase')
    .describe('Unique; the label `alert` of every instance.'),
  evaluatedBy: z
    .array(z.enum(['app', 'azure']))
    .min(1)
    .describe('Who evaluates it: this app over its samples, Azure Monitor over platform metrics (by Bicep), or both.'),
  metric: metric.describe('Name of the metric, as in docs/metrics.md.'),
  where: labels.optional().describe('Only series that have these labels; for a ratio, in the numerator only.'),
  over: z.array(metric).min(1).optional().describe('Ratio only: the denominator is the sum of these.'),
  minimum: z.number().positive().optional().describe('Ratio only: not evaluated while the denominator is below this.'),
  by: z.array(z.string()).optional().describe('Sums the series that agree in these labels, before dividing.'),
  aggregation: z.enum(aggregations).describe('How the samples of the window become one number.'),
  quantile: z.number().min(0).max(1).optional().describe('Quantile only: which one, 0 to 1.'),
  window: duration.describe('Older samples are ignored.'),
  ahead: duration.optional().describe('Predict only: how far into the future to extend the line.'),
  compare: z.enum(comparisons).optional().describe('Left out for absent.'),
  threshold: z.number().optional().describe('In the unit of the metric; left out for absent.'),
  and: z.array(condition).optional().describe('The rule holds only if these conditions hold too, for the same labels.'),
  for: duration.describe('How long it must hold before it fires.'),
  keepFiringFor: duration.optional().describe('How long it keeps firing after it last held. Default: 0s.'),
  noData: z
    .enum(['resolve', 'keep'])
    .optional()
    .describe('What to do with an instance whose series has no sample in the window. Default: resolve.'),
  limit: z
    .int()
    .positive()
    .optional()
    .describe('With more instances than this, the rule is faulty and its instances are cleared. Default: no limit.'),
  severity: z.enum(['critical', 'warning', 'info']),
  labels: labels.optional().describe('Added to every instance; they replace labels of the series.'),
  summary: z.string().min(1).describe('One sentence; {label} and {value:format} are filled in.'),
  runbook: z.string().min(1).describe('The page that says what to do.'),
  azure: z
    .strictObject({
      window: iso.describe('ISO 8601.'),
      frequency: iso.describe('ISO 8601.'),
      premium: azureMetric.optional().describe('Azure Cache for Redis.'),
      managed: azureMetric.optional().describe('Azure Managed Redis.'),
    })
    .optional()
    .describe('The same rule for Azure Monitor, for the offerings that have such a metric.'),
});

const matcher = z.strictObject({
  alert: z.string().optional().describe('Name of the rule.'),
  severity: z.enum(['critical', 'warning', 'info']).optional(),
});

export const rulesFileSchema = z.strictObject({
  $schema: z.string().optional(),
  version: z.literal(1),
  inhibit: z
    .array(
      z.strictObject({
        source: matcher.describe('While such an instance fires,'),
        target: matcher.optional().describe('such instances are muted (default: all others)'),
        equal: z.array(z.string()).describe('if they agree in these labels.'),
      }),
    )
    .optional(),
  rules: z.array(ruleSchema),
});

export type Rule = z.output<typeof ruleSchema>;
export type Condition = z.output<typeof condition>;
export type RulesFile = z.output<typeof rulesFileSchema>;
export type Inhibition = NonNullable<RulesFile['inhibit']>[number];

/** The content of `alerts/rules.schema.json`. */
export const rulesJsonSchema = (): object => ({
  title: 'Alert rules of Cache Steward',
  ...z.toJSONSchema(rulesFileSchema, { target: 'draft-2020-12' }),
});
