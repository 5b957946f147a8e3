import type { AlertGroup, AlertMember, LastNotification } from './alert-groups';

export interface GroupTimes {
  /** Least time between two messages of a group that has changed, in ms. */
  readonly groupIntervalMs: number;
  /** Time between two messages of a group that has not changed and still fires, in ms. */
  readonly repeatMs: number;
}

/** True if a receiver must be notified at the tick `at`: the rules of Alertmanager, including resolved messages. */
export function isNotificationDue(
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
