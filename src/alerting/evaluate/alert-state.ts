import type { ReportAlert } from '../../monitoring/report/report-data';
import type { Labels } from '../../monitoring/samples/sample-store';

/** One alert of one rule for one set of labels. Its identity is its labels, never its value or its text. */
export interface AlertInstance {
  readonly rule: string;
  /** The series' labels, the rule's own, `severity`, and `alert` with the rule's name. */
  readonly labels: Labels;
  readonly state: 'pending' | 'firing' | 'inactive';
  /** When the condition began to hold: a tick, in ms since 1970, like all times here. */
  readonly activeAt: number;
  readonly firedAt?: number;
  readonly resolvedAt?: number;
  /** Set while it keeps firing although the condition no longer holds. */
  readonly keepFiringSince?: number;
  /** At the last tick at which the condition held. */
  readonly value: number;
  readonly summary: string;
  readonly runbook: string;
}

/** A firing that has ended, for the report. */
export interface Episode {
  readonly rule: string;
  readonly labels: Labels;
  readonly firedAt: number;
  readonly resolvedAt: number;
}

export interface AlertState {
  readonly version: 1;
  /** The last tick that was evaluated; 0 before the first. */
  readonly at: number;
  /** By identity. */
  readonly alerts: Readonly<Record<string, AlertInstance>>;
  /** Rules that could not be evaluated at the last tick, and why. */
  readonly faults: Readonly<Record<string, string>>;
  /** The newest last. */
  readonly episodes: readonly Episode[];
}

/** Enough for some weeks of a busy cache. */
export const MOST_EPISODES = 1_000;

export const emptyState: AlertState = { version: 1, at: 0, alerts: {}, faults: {}, episodes: [] };

export interface AlertEvent {
  /** `dropped`: it was pending and no longer holds; it was never notified. */
  readonly kind: 'pending' | 'firing' | 'resolved' | 'dropped';
  readonly id: string;
  readonly instance: AlertInstance;
  readonly at: number;
}

/** Every firing in the state, for the report: those that have ended, and those that still fire. */
export function firingsOf(state: AlertState): ReportAlert[] {
  const where = ({ cache, node, queue, job }: Readonly<Record<string, string>>) => node ?? queue ?? job ?? cache ?? '';
  const firing = ({ rule, labels }: Pick<Episode, 'rule' | 'labels'>, firedAt: number, resolvedAt: number | null) => {
    return { alert: rule, severity: labels.severity ?? '', where: where(labels), firedAt, resolvedAt };
  };
  const over = state.episodes.map((episode) => firing(episode, episode.firedAt, episode.resolvedAt));
  const open = Object.values(state.alerts)
    .filter(({ state: it }) => it === 'firing')
    .map((instance) => firing(instance, instance.firedAt ?? instance.activeAt, null));
  return [...over, ...open];
}
