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

export interface GroupTimes {
  /** Least time between two messages of a group that has changed, in ms. */
  readonly groupIntervalMs: number;
  /** Time between two messages of a group that has not changed and still fires, in ms. */
  readonly repeatMs: number;
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

/** True if a receiver must be notified at the tick `at`: the rules of Alertmanager, including resolved messages. */
export function isPending(
  group: AlertGroup,
  last: LastNotification | undefined,
  times: GroupTimes,
  at: number,
): boolean {
  const { firing, resolved, muted } = group;
  if (last !== undefined && at < last.notBefore) return false;
  if (last === undefined || last.at === 0) return firing.length > 0;
  if (firing.length + resolved.length === 0 && muted > 0) return false;
  // A group that was reported as resolved starts over. One that still fires sends its changes at its interval.
  if (last.firing.length > 0 && at - last.at < times.groupIntervalMs) return false;
  if (anyNew(firing, last.firing)) return true;
  if (firing.length === 0) return last.firing.length > 0;
  if (anyNew(resolved, last.resolved)) return true;
  return at - last.at > times.repeatMs;
}

function anyNew(members: readonly AlertMember[], known: readonly string[]): boolean {
  const seen = new Set(known);
  return members.some(({ id }) => !seen.has(id));
}

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
