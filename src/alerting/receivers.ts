import type { AlertGroup } from './groups';

/** Somebody who is told. */
export interface Receiver {
  /** Short, unique and stable: what was told is remembered under it. */
  readonly name: string;
  /** Resolves once the message was accepted; rejects where it may not have been. */
  send(message: AlertMessage): Promise<void>;
}

/** What a group has to tell, in the form that webhooks get as JSON. */
export interface AlertMessage {
  readonly version: 1;
  /** `resolved` where none of the group fires any more. */
  readonly status: 'firing' | 'resolved';
  readonly groupLabels: Readonly<Record<string, string>>;
  readonly alerts: readonly {
    readonly status: 'firing' | 'resolved';
    /** `alert` is the rule's name; `severity`, `cache` and the series' own labels beside it. */
    readonly labels: Readonly<Record<string, string>>;
    readonly summary: string;
    readonly runbook: string;
    /** At the last tick at which the condition held. */
    readonly value: number;
    /** ISO 8601, as `endsAt`. */
    readonly startsAt: string;
    readonly endsAt?: string;
  }[];
}

export function toMessage(group: AlertGroup): AlertMessage {
  const alerts = [...group.firing, ...group.resolved].map(({ instance }) => ({
    status: instance.state === 'firing' ? ('firing' as const) : ('resolved' as const),
    labels: instance.labels,
    summary: instance.summary,
    runbook: instance.runbook,
    value: instance.value,
    startsAt: new Date(instance.firedAt ?? instance.activeAt).toISOString(),
    ...(instance.resolvedAt === undefined ? {} : { endsAt: new Date(instance.resolvedAt).toISOString() }),
  }));
  return { version: 1, status: group.firing.length > 0 ? 'firing' : 'resolved', groupLabels: group.labels, alerts };
}
