import type { Settings } from './settings';

/** What one run of a job says of itself. The functions log it; `npm start` prints it; the samples count it. */
export interface JobReport {
  /** One short sentence: what was done. */
  readonly summary: string;
  /** Numbers by name, the unit in the name (`rows`, `lagMs`, `behindMessages`). */
  readonly figures: Readonly<Record<string, number>>;
  /**
   * Code of the error that kept the run from all of its work; absent if it did some, or had none. Nothing is thrown, since
   * what is left is tried again anyway, but the run counts as failed.
   */
  readonly failedWith?: string;
}

/** What starts a job: a timer, or a message of a queue. */
export type Trigger = { readonly schedule: string } | { readonly queueName: string };

/**
 * What starts each job, by its name. Registered as literals: the host looks up a `%NAME%` in the environment, knows no
 * defaults, and disables a function whose name it does not find.
 */
export const triggersOf = (settings: TriggerSettings) =>
  ({
    flushWrites: { queueName: settings.WRITE_BEHIND_QUEUE },
    drainPoison: { schedule: settings.DRAIN_POISON_SCHEDULE },
    planRefreshes: { schedule: settings.PLAN_REFRESHES_SCHEDULE },
    refreshEntries: { queueName: settings.REFRESH_AHEAD_QUEUE },
    planSweep: { schedule: settings.SWEEP_SCHEDULE },
    sweepShard: { queueName: settings.SWEEP_QUEUE },
    collectMetrics: { schedule: settings.COLLECT_METRICS_SCHEDULE },
    evaluateAlerts: { schedule: settings.EVALUATE_ALERTS_SCHEDULE },
    notifyAlerts: { queueName: settings.ALERT_QUEUE },
    reportPerformance: { schedule: settings.REPORT_SCHEDULE },
  }) satisfies Record<string, Trigger>;

type TriggerSettings = Pick<
  Settings,
  | Extract<keyof Settings, `${string}_SCHEDULE`>
  | 'WRITE_BEHIND_QUEUE'
  | 'REFRESH_AHEAD_QUEUE'
  | 'SWEEP_QUEUE'
  | 'ALERT_QUEUE'
>;

export type Triggers = ReturnType<typeof triggersOf>;
export type JobName = keyof Triggers;
