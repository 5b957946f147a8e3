import { MINUTE } from '../../clock';
import { type AlertState, emptyState } from './alert-state';

/** Between two evaluations. `for` counts ticks, so those that were missed are made up for. */
export const TICK = MINUTE;
/** A state from further ahead than this was written under a clock that was wrong. */
const CLOCK_JUMP = 2 * MINUTE;

export interface TickPlan {
  /** The state to go on from. */
  readonly from: AlertState;
  /** Ticks to evaluate, the last one being `at`; empty where `at` has been evaluated. */
  readonly ticks: readonly number[];
}

/**
 * Which ticks are to be evaluated now, and on what state. After an outage longer than `toleranceMs` nothing is made up
 * for: unseen time counts for nothing.
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

/** What fires goes on firing until it is seen not to; what was pending begins to count now. */
function restarted(state: AlertState, at: number): AlertState {
  const alerts = Object.entries(state.alerts).map(([id, instance]) => {
    const activeAt = instance.state === 'pending' ? at : Math.min(instance.activeAt, at);
    return [id, { ...instance, activeAt }];
  });
  return { ...state, alerts: Object.fromEntries(alerts) };
}
