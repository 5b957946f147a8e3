import { readFileSync } from 'node:fs';
import shipped from '../../../alerts/rules.json';
import { coerceError, StewardError } from '../../errors';
import { catalog } from '../../monitoring/metrics/metric-catalog';
import { metricsOf } from '../evaluate/expression';
import { formats } from '../evaluate/fill-summary';
import { durationMs } from './duration';
import { type Inhibition, type Rule, type RulesFile, rulesFileSchema } from './rule-schema';

export type AlertRules = { readonly rules: readonly Rule[]; readonly inhibitions: readonly Inhibition[] };

/** The rules file is wrong. The message lists every fault. */
export class RulesError extends StewardError {
  readonly code = 'E_RULES';
  constructor(
    source: string,
    readonly faults: readonly string[],
  ) {
    super(`${source} has ${faults.length} ${faults.length === 1 ? 'fault' : 'faults'}:\n  ${faults.join('\n  ')}`);
  }
}

/**
 * The rules of a file, or the shipped rules if no file is given. With `runbooksUrl`, runbooks that are paths become URLs
 * below it. Throws `E_RULES`.
 */
export function loadRules(file?: string, runbooksUrl?: string): AlertRules {
  const { rules, inhibitions } = readRules(file);
  if (runbooksUrl === undefined) return { rules, inhibitions };
  const base = runbooksUrl.endsWith('/') ? runbooksUrl : `${runbooksUrl}/`;
  return { rules: rules.map((rule) => ({ ...rule, runbook: new URL(rule.runbook, base).href })), inhibitions };
}

function readRules(file: string | undefined): AlertRules {
  if (file === undefined) return parseRules(shipped, 'alerts/rules.json');
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(file, 'utf8'));
  } catch (thrown) {
    throw new RulesError(file, [`it could not be read as JSON: ${coerceError(thrown).message}`]);
  }
  return parseRules(content, file);
}

/** Checks a file against the schema, and against what a schema cannot express. Throws `E_RULES`. */
export function parseRules(content: unknown, source: string): AlertRules {
  const parsed = rulesFileSchema.safeParse(content);
  if (!parsed.success) {
    throw new RulesError(
      source,
      parsed.error.issues.map(({ path, message }) => `${at(content, path)}: ${message}`),
    );
  }
  const faults = parsed.data.rules.flatMap((rule) => faultsOf(rule).map((fault) => `${rule.name}: ${fault}`));
  faults.push(...faultsOfFile(parsed.data));
  if (faults.length > 0) throw new RulesError(source, faults);
  return { rules: parsed.data.rules, inhibitions: parsed.data.inhibit ?? [] };
}

/** The rules that this app evaluates: all that name it, or only those that Azure Monitor does not evaluate too. */
export const rulesOfApp = (rules: readonly Rule[], leaveToAzure: boolean): readonly Rule[] =>
  rules.filter(({ evaluatedBy }) => evaluatedBy.includes('app') && !(leaveToAzure && evaluatedBy.includes('azure')));

/** A path that names the rule too: `rules[3] (MemoryHigh).window`. */
function at(content: unknown, path: readonly PropertyKey[]): string {
  const rules = (content as { rules?: unknown })?.rules;
  let text = '';
  path.forEach((part, index) => {
    text += typeof part === 'number' ? `[${part}]` : `${text === '' ? '' : '.'}${String(part)}`;
    if (index === 1 && path[0] === 'rules' && Array.isArray(rules)) {
      const name: unknown = rules[Number(part)]?.name;
      if (typeof name === 'string') text += ` (${name})`;
    }
  });
  return text || 'the file';
}

function faultsOf(rule: Rule): string[] {
  const faults: string[] = [];
  const expect = (ok: boolean, fault: string) => void (ok || faults.push(fault));
  const { aggregation, evaluatedBy } = rule;
  const absent = aggregation === 'absent';
  expect(absent === (rule.compare === undefined), absent ? 'absent takes no compare' : 'compare is missing');
  expect(absent === (rule.threshold === undefined), absent ? 'absent takes no threshold' : 'threshold is missing');
  expect((aggregation === 'ratio') === (rule.over !== undefined), 'over belongs to ratio, and ratio needs it');
  expect(aggregation !== 'ratio' || rule.by !== undefined, 'ratio needs by: it sums before it divides');
  expect(rule.minimum === undefined || aggregation === 'ratio', 'minimum belongs to ratio');
  expect(
    (aggregation === 'quantile') === (rule.quantile !== undefined),
    'quantile belongs to quantile, which needs it',
  );
  expect((aggregation === 'predict') === (rule.ahead !== undefined), 'ahead belongs to predict, which needs it');
  expect(!absent || (rule.by === undefined && rule.and === undefined), 'absent takes neither by nor and');
  expect(durationMs(rule.window) > 0, 'expected a window longer than 0s');
  expect(evaluatedBy.includes('azure') === (rule.azure !== undefined), 'azure belongs to evaluatedBy azure');
  expect(!rule.azure || Boolean(rule.azure.premium ?? rule.azure.managed), 'azure names no offering');
  for (const metric of metricsOf(rule)) {
    // Names that begin with steward_ may be counters that a web app has added.
    const known = metric in catalog || metric.startsWith('steward_');
    expect(known, `no such metric: ${metric}${nearest(metric)}`);
    const counter = catalog[metric]?.kind;
    const counts = ['delta', 'rate', 'ratio'].includes(aggregation);
    if (metric === rule.metric && counts)
      expect(counter !== 'gauge', `${metric} is a gauge: ${aggregation} needs a counter`);
  }
  for (const [, format] of rule.summary.matchAll(/\{value:(\w+)\}/g)) {
    expect(formats.includes(format ?? ''), `no such format: {value:${format}}`);
  }
  return faults;
}

function faultsOfFile({ rules, inhibit = [] }: RulesFile): string[] {
  const names = rules.map(({ name }) => name);
  const faults = names
    .filter((name, index) => names.indexOf(name) !== index)
    .map((name) => `${name}: there is another rule of this name`);
  for (const { source, target } of inhibit) {
    for (const name of [source.alert, target?.alert]) {
      if (name !== undefined && !names.includes(name)) faults.push(`inhibit: there is no rule ${name}`);
    }
  }
  return faults;
}

/** Suggests a known name that shares most of the words. */
function nearest(metric: string): string {
  const words = new Set(metric.split('_'));
  const scored = Object.keys(catalog).map((name) => {
    const parts = name.split('_');
    return { name, score: parts.filter((part) => words.has(part)).length / Math.max(parts.length, words.size) };
  });
  const best = scored.sort((a, b) => b.score - a.score)[0];
  return best && best.score >= 0.5 ? `, did you mean ${best.name}?` : '';
}
