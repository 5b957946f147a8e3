import { createHash } from 'node:crypto';
import type { Labels } from '../../monitoring/samples/sample-store';
import type { AlertInstance, AlertState } from '../evaluate/alert-state';
import type { Inhibition } from '../rules/rule-schema';

/** Alerts that share one message: those with the same values of the grouping labels. */
export interface AlertGroup {
  /** Short and stable; queue messages carry it. */
  readonly key: string;
  readonly labels: Labels;
  readonly firing: readonly AlertMember[];
  readonly resolved: readonly AlertMember[];
  /** How many fire, but are muted. */
  readonly muted: number;
}

export type AlertMember = { readonly id: string; readonly instance: AlertInstance };

/** The last notification of a group to a receiver. Changed only after the receiver has accepted or refused one. */
export interface LastNotification {
  readonly labels: Labels;
  readonly firing: readonly string[];
  readonly resolved: readonly string[];
  /** The tick of the last accepted notification; 0 if there was none. */
  readonly at: number;
  /** Attempts that have failed since then. */
  readonly failures: number;
  /** No attempt before this tick. */
  readonly notBefore: number;
}

/** The groups of a state. Pending alerts are left out; muted ones are only counted. */
export function groupsOf(
  state: AlertState,
  inhibitions: readonly Inhibition[],
  groupBy: readonly string[],
): Map<string, AlertGroup> {
  const muted = mutedBy(state.alerts, inhibitions);
  const groups = new Map<string, { labels: Labels; firing: AlertMember[]; resolved: AlertMember[]; muted: number }>();
  for (const [identity, instance] of Object.entries(state.alerts)) {
    if (instance.state === 'pending') continue;
    const labels = Object.fromEntries(groupBy.map((name) => [name, instance.labels[name] ?? '']));
    const key = shortHash(JSON.stringify(labels));
    const group = groups.get(key) ?? { labels, firing: [], resolved: [], muted: 0 };
    groups.set(key, group);
    if (muted.has(identity)) group.muted += 1;
    else group[instance.state === 'firing' ? 'firing' : 'resolved'].push({ id: shortHash(identity), instance });
  }
  return new Map([...groups].map(([key, group]) => [key, { key, ...group }]));
}

/**
 * A group that is no longer in the state, for a receiver that was notified of its firing: it is reported as resolved,
 * however long the receiver was unreachable.
 */
export const endedGroup = (key: string, last: LastNotification): AlertGroup => ({
  key,
  labels: last.labels,
  firing: [],
  resolved: [],
  muted: 0,
});

const shortHash = (text: string) => createHash('sha256').update(text).digest('hex').slice(0, 16);

type Matcher = Inhibition['source'];

const matches = ({ alert, severity }: Matcher, { labels }: AlertInstance) =>
  (alert === undefined || labels.alert === alert) && (severity === undefined || labels.severity === severity);

/**
 * The instances that are muted because a more severe one already covers them: `RedisDown` mutes the rest of its cache.
 * A source never mutes itself. Muted does not mean resolved: when the source resolves, the instance is notified.
 */
function mutedBy(instances: Readonly<Record<string, AlertInstance>>, rules: readonly Inhibition[]): Set<string> {
  const muted = new Set<string>();
  const all = Object.entries(instances);
  for (const { source, target = {}, equal } of rules) {
    const key = ({ labels }: AlertInstance) => JSON.stringify(equal.map((name) => labels[name] ?? ''));
    const sources = new Set(
      all.filter(([, it]) => it.state === 'firing' && matches(source, it)).map(([, it]) => key(it)),
    );
    if (sources.size === 0) continue;
    for (const [id, instance] of all) {
      if (matches(target, instance) && !matches(source, instance) && sources.has(key(instance))) muted.add(id);
    }
  }
  return muted;
}
