import type { JobReport } from '../../job';
import { counted } from '../../plural';
import type { Counters } from '../../redis';
import type { SweepProgress } from '../records/sweep-progress';
import type { SweepMessage } from '../records/sweep-record';
import type { FinishResult } from './finish-sweep';
import type { PlanResult } from './plan-sweeps';
import type { WorkItemResult } from './work-item';

// The reports of the jobs, as texts and as counters.

export function reportPlan(result: PlanResult, counters: Counters): JobReport {
  const { started, closed, queued, stalled } = result;
  for (const pass of started) counters.add('sweep_runs_started', { pass });
  for (const pass of closed) counters.add('sweep_runs_closed', { pass });
  const parts = [
    started.length > 0 ? `started ${started.join(', ')}` : '',
    stalled > 0 ? `queued ${counted(stalled, 'stalled shard')} again` : '',
    closed.length > 0 ? `finished ${closed.join(', ')}` : '',
  ].filter(Boolean);
  return {
    summary: parts.length > 0 ? parts.join('; ') : 'no sweep is due',
    figures: {
      passesStarted: started.length,
      shardsQueued: queued,
      shardsStalled: stalled,
      passesClosed: closed.length,
    },
  };
}

export function reportWorkItem(
  message: SweepMessage,
  result: WorkItemResult,
  finish: FinishResult | undefined,
  counters: Counters,
): JobReport {
  const { pass } = message;
  const { outcome, reason, examined, serverMicros, changes } = result;
  counters.add('sweep_slices', { pass, outcome: reason ?? outcome });
  if (examined > 0) counters.add('sweep_keys_examined', { pass }, examined);
  if (serverMicros > 0) counters.add('sweep_server_ms', { pass }, Math.round(serverMicros / 1_000));
  for (const [change, count] of Object.entries(changes)) {
    if (count > 0) counters.add('sweep_keys_changed', { pass, change }, count);
  }
  if (finish?.outcome === 'closed') counters.add('sweep_runs_closed', { pass });
  const done = Object.entries(changes).map(([name, count]) => `${name} ${count}`);
  return {
    summary: [
      `${pass} ${outcome}${reason ? ` (${reason})` : ''}`,
      ...(examined > 0 ? [`${counted(examined, 'key')} examined`, ...done] : []),
      ...(finish?.outcome === 'closed' ? ['the sweep is complete'] : []),
      ...(finish?.outcome === 'extended' ? [`${counted(finish.shards.length, 'shard')} to scan again`] : []),
    ].join(', '),
    figures: { keysExamined: examined, serverMs: Math.round(serverMicros / 1_000), ...changes },
    ...(reason === 'unreachable' && examined === 0 && { failedWith: 'E_REDIS_UNAVAILABLE' }),
  };
}

/** Sets the state of the sweeps as gauges, for the collector and through it for `metrics` and the dashboard. */
export function gaugeProgress(sweeps: readonly SweepProgress[], counters: Counters): void {
  for (const { pass, percent, secondsLeft = 0, restarts, last } of sweeps) {
    counters.set('sweep_percent', { pass }, percent);
    counters.set('sweep_seconds_left', { pass }, secondsLeft);
    counters.set('sweep_restarts', { pass }, restarts);
    if (!last) continue;
    counters.set('sweep_last_finished', { pass }, Math.round(last.finishedAt / 1_000));
    counters.set('sweep_last_seconds', { pass }, Math.round((last.finishedAt - last.startedAt) / 1_000));
    counters.set('sweep_last_faults', { pass }, last.faults.length);
    for (const [figure, value] of Object.entries(last.figures)) {
      counters.set('sweep_last', { pass, figure }, value);
    }
  }
}
