import type { Labels } from '../../monitoring/samples/sample-store';

/** One alert of one rule for one set of labels. Its identity is its labels, never its value or its text. */
export interface AlertInstance {
  readonly rule: string;
  /** The series' labels, the rule's own, `severity`, and `alert` with the rule's name. */
  readonly labels: Labels;
  readonly state: 'pending' | 'firing' | 'inactive';
  /** When the condition began to hold: the tick, in ms since 1970, as all times here. */
  readonly activeAt: number;
  readonly firedAt?: number;
  readonly resolvedAt?: number;
  /** Set while it fires on although the condition has ceased to hold. */
  readonly keepFiringSince?: number;
  /** At the last tick at which the condition held. */
  readonly value: number;
  readonly summary: string;
  readonly runbook: string;
}

/** A firing that is over, for the report. */
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

/** Some weeks of a busy cache. */
export const MOST_EPISODES = 1_000;

export const emptyState: AlertState = { version: 1, at: 0, alerts: {}, faults: {}, episodes: [] };

export interface AlertEvent {
  /** `dropped`: it was pending, ceased to hold, and nobody was ever told. */
  readonly kind: 'pending' | 'firing' | 'resolved' | 'dropped';
  readonly id: string;
  readonly instance: AlertInstance;
  readonly at: number;
}
