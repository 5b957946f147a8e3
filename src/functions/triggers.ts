import type { Settings } from '../settings';

/**
 * The settings that say what starts a job. They are registered as literals: the host looks up a `%NAME%` in the
 * environment, knows no defaults, and disables a function whose name it does not find.
 */
export type Triggers = Pick<
  Settings,
  | Extract<keyof Settings, `${string}_SCHEDULE`>
  | 'WRITE_BEHIND_QUEUE'
  | 'REFRESH_AHEAD_QUEUE'
  | 'SWEEP_QUEUE'
  | 'ALERT_QUEUE'
>;
