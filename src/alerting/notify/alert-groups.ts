import { createHash } from 'node:crypto';
import type { Labels } from '../../monitoring/samples/sample-store';
import type { AlertInstance, AlertState } from '../evaluate/alert-state';
import { mutedBy } from '../evaluate/inhibition';
import type { Inhibition } from '../rules/rule-schema';

/** Alerts that are told in one message: those that agree in the grouping labels. */
export interface AlertGroup {
  /** Short and stable; what the queue carries. */
  readonly key: string;
  readonly labels: Labels;
  readonly firing: readonly AlertMember[];
  readonly resolved: readonly AlertMember[];
  /** How many fire and stay silent. */
  readonly muted: number;
}

export interface AlertMember {
  readonly id: string;
  readonly instance: AlertInstance;
}

/** What a receiver was last told of a group; changed only after a message was accepted, or refused. */
export interface Told {
  readonly labels: Labels;
  readonly firing: readonly string[];
  readonly resolved: readonly string[];
  /** The tick it was last told at; 0 where it never was. */
  readonly at: number;
  /** Attempts that failed since then. */
  readonly failures: number;
  /** No attempt before this tick. */
  readonly notBefore: number;
}

export interface GroupTimes {
  /** Between two messages of a group that has changed, in ms. */
  readonly groupIntervalMs: number;
  /** Between two messages of a group that has not changed and still fires, in ms. */
  readonly repeatMs: number;
}

/** The groups of a state, without what is only pending; what is muted is only counted. */
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
 * A group of which nothing is left in the state, as a receiver that was told of its firing needs it: resolved, however
 * long the receiver could not be reached.
 */
export const endedGroup = (key: string, told: Told): AlertGroup => ({
  key,
  labels: told.labels,
  firing: [],
  resolved: [],
  muted: 0,
});

const shortHash = (text: string) => createHash('sha256').update(text).digest('hex').slice(0, 16);

/** Whether a receiver is owed a message at the tick `at`: the rules of Alertmanager, resolved messages included. */
export function owes(group: AlertGroup, told: Told | undefined, times: GroupTimes, at: number): boolean {
  const { firing, resolved, muted } = group;
  if (told !== undefined && at < told.notBefore) return false;
  if (told === undefined || told.at === 0) return firing.length > 0;
  if (firing.length + resolved.length === 0 && muted > 0) return false;
  // A group that was told to be over begins anew; one that goes on is told of its changes at its interval.
  if (told.firing.length > 0 && at - told.at < times.groupIntervalMs) return false;
  if (anyNew(firing, told.firing)) return true;
  if (firing.length === 0) return told.firing.length > 0;
  if (anyNew(resolved, told.resolved)) return true;
  return at - told.at > times.repeatMs;
}

function anyNew(members: readonly AlertMember[], known: readonly string[]): boolean {
  const seen = new Set(known);
  return members.some(({ id }) => !seen.has(id));
}
