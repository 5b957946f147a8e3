import { MINUTE } from '../../clock';
import { type AlertState, emptyState } from './alert-state';

/** Time between two evaluations. `for` counts ticks, so missed ticks are evaluated later. */
export const TICK = MINUTE;
/** A state from further in the future than this was written under a wrong clock. */
const CLOCK_JUMP = 2 * MINUTE;

export interface TickPlan {
  /** The state to start from. */
  readonly from: AlertState;
  /** Ticks to evaluate, `at` last; empty if `at` has been evaluated already. */
  readonly ticks: readonly number[];
}

/**
 * Decides which ticks to evaluate now, and on which state. After an outage longer than `toleranceMs` the missed ticks are
 * skipped: time without samples proves nothing.
 */
export function planTicks(state: AlertState | undefined, at: number, toleranceMs: number): TickPlan {
  if (state === undefined) return { from: emptyState, ticks: [at] };
  if (at <= state.at) {
    return state.at - at < CLOCK_JUMP ? { from: state, ticks: [] } : { from: restarted(state, at), ticks: [at] };
  }
  if (at - state.at > toleranceMs) return { from: restarted(state, at), ticks: [at] };
  const ticks: number[] = [];
  for (let tick = state.at + TICK; tick < at; tick += TICK) ticks.push(tick);
  return { from: state, ticks: [...ticks, at] };
}

/** Alerts that fire keep firing until a tick shows otherwise; pending ones start to count now. */
function restarted(state: AlertState, at: number): AlertState {
  const alerts = Object.entries(state.alerts).map(([id, instance]) => {
    const activeAt = instance.state === 'pending' ? at : Math.min(instance.activeAt, at);
    return [id, { ...instance, activeAt }];
  });
  return { ...state, alerts: Object.fromEntries(alerts) };
}
