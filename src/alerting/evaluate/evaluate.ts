import { MINUTE } from '../../clock';
import type { Labels } from '../../monitoring/samples/sample-store';
import { durationMs } from '../rules/duration';
import type { Rule } from '../rules/rule-schema';
import { type AlertEvent, type AlertInstance, type AlertState, MOST_EPISODES } from './alert-state';
import { identity, judge } from './expression';
import { fillSummary } from './fill-summary';
import type { SeriesSet } from './series';

/** A resolved instance is kept for this long, so that its receivers can still be notified. */
export const RESOLVED_RETENTION = 15 * MINUTE;

export type Evaluation = { readonly state: AlertState; readonly events: readonly AlertEvent[] };

/**
 * Evaluates every rule at the tick `at`, with the alert state machine of Prometheus. Pure: it uses neither a clock nor a
 * store. A rule that cannot be evaluated becomes a fault with its name, and its instances stay as they were.
 */
export function evaluate(rules: readonly Rule[], series: SeriesSet, previous: AlertState, at: number): Evaluation {
  const alerts: Record<string, AlertInstance> = {};
  const faults: Record<string, string> = {};
  const events: AlertEvent[] = [];
  const known = new Map<string, Map<string, AlertInstance>>();
  for (const [id, instance] of Object.entries(previous.alerts)) {
    const ofRule = known.get(instance.rule) ?? new Map<string, AlertInstance>();
    known.set(instance.rule, ofRule.set(id, instance));
  }

  for (const rule of rules) {
    const before = known.get(rule.name) ?? new Map<string, AlertInstance>();
    known.delete(rule.name);
    try {
      const { after, events: fresh } = evaluateRule(rule, series, before, at);
      Object.assign(alerts, Object.fromEntries(after));
      events.push(...fresh);
    } catch (error) {
      if (!(error instanceof RuleFault)) throw error;
      faults[rule.name] = error.message;
      if (!error.clears) Object.assign(alerts, Object.fromEntries(before));
    }
  }
  // The rest belongs to rules that are no longer in the file.
  for (const orphans of known.values()) {
    for (const [id, instance] of orphans) {
      if (instance.state === 'firing') {
        alerts[id] = { ...instance, state: 'inactive', resolvedAt: at };
        events.push({ kind: 'resolved', id, instance: alerts[id], at });
      } else if (instance.state === 'inactive' && at - (instance.resolvedAt ?? 0) <= RESOLVED_RETENTION) {
        alerts[id] = instance;
      }
    }
  }

  const ended = events.flatMap(({ kind, instance }) =>
    kind === 'resolved'
      ? [{ rule: instance.rule, labels: instance.labels, firedAt: instance.firedAt ?? at, resolvedAt: at }]
      : [],
  );
  const episodes = [...previous.episodes, ...ended].slice(-MOST_EPISODES);
  return { state: { version: 1, at, alerts, faults, episodes }, events };
}

/** The rule cannot be evaluated. `clears`: its instances are dropped, as for a rule over its limit. */
class RuleFault extends Error {
  constructor(
    message: string,
    readonly clears = false,
  ) {
    super(message);
  }
}

function evaluateRule(rule: Rule, series: SeriesSet, before: ReadonlyMap<string, AlertInstance>, at: number) {
  const elements = judge(rule, series, at);
  const present = new Map<string, { labels: Labels; value: number }>();
  const judged = new Set<string>();
  for (const { labels: own, value, holds } of elements) {
    const labels = { ...own, ...rule.labels, severity: rule.severity, alert: rule.name };
    const id = identity(labels);
    judged.add(id);
    if (!holds) continue;
    if (present.has(id))
      throw new RuleFault(`two series have the labels ${id}: the rule's own labels hide a difference`);
    present.set(id, { labels, value });
  }

  const after = new Map(before);
  for (const [id, { labels, value }] of present) {
    const instance = after.get(id);
    const summary = fillSummary(rule.summary, labels, value);
    after.set(
      id,
      instance && instance.state !== 'inactive'
        ? { ...instance, value, summary }
        : { rule: rule.name, labels, state: 'pending', activeAt: at, value, summary, runbook: rule.runbook },
    );
  }

  const events: AlertEvent[] = [];
  const hold = durationMs(rule.for);
  const keep = rule.keepFiringFor ? durationMs(rule.keepFiringFor) : 0;
  let active = 0;
  for (const [id, known] of after) {
    let instance = known;
    const emit = (kind: AlertEvent['kind']) => events.push({ kind, id, instance, at });
    const unseen = rule.noData === 'keep' && !judged.has(id) && instance.state !== 'inactive';
    if (present.has(id)) {
      if (instance.keepFiringSince !== undefined) {
        const { keepFiringSince: _, ...rest } = instance;
        instance = rest;
      }
    } else if (!unseen) {
      if (instance.state === 'firing' && keep > 0)
        instance = { ...instance, keepFiringSince: instance.keepFiringSince ?? at };
      const kept =
        instance.keepFiringSince !== undefined && instance.state === 'firing' && at - instance.keepFiringSince < keep;
      if (!kept) {
        if (instance.state === 'pending') {
          after.delete(id);
          emit('dropped');
        } else if (instance.state === 'firing') {
          instance = { ...instance, state: 'inactive', resolvedAt: at };
          after.set(id, instance);
          emit('resolved');
        } else if (at - (instance.resolvedAt ?? at) > RESOLVED_RETENTION) {
          after.delete(id);
        }
        continue;
      }
    }
    active += 1;
    const began = before.get(id);
    if (instance.state === 'pending' && (began === undefined || began.state === 'inactive')) emit('pending');
    if (instance.state === 'pending' && at - instance.activeAt >= hold) {
      instance = { ...instance, state: 'firing', firedAt: at };
      emit('firing');
    }
    after.set(id, instance);
  }
  if (rule.limit !== undefined && active > rule.limit) {
    throw new RuleFault(`${active} instances are more than its limit of ${rule.limit}; all were cleared`, true);
  }
  return { after, events };
}
