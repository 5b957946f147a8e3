import type { JobReport } from '../../job';
import type { Counters } from '../../redis';
import type { PassProgress } from '../records/sweep-progress';
import type { SweepMessage } from '../records/sweep-record';
import type { Closing } from './finish-sweep';
import type { PlanResult } from './plan-sweeps';
import type { SliceResult } from './work-item';

/** What the jobs say of themselves, in words and in counters. */

export function reportPlan(result: PlanResult, counters: Counters): JobReport {
  const { started, closed, queued, stalled } = result;
  for (const pass of started) counters.add('sweep_runs_started', { pass });
  for (const pass of closed) counters.add('sweep_runs_closed', { pass });
  const parts = [
    started.length > 0 ? `started ${started.join(', ')}` : '',
    stalled > 0 ? `queued ${stalled} stalled shard${stalled === 1 ? '' : 's'} anew` : '',
    closed.length > 0 ? `closed ${closed.join(', ')}` : '',
  ].filter(Boolean);
  return {
    summary: parts.length > 0 ? parts.join('; ') : 'no pass is due',
    figures: {
      passesStarted: started.length,
      shardsQueued: queued,
      shardsStalled: stalled,
      passesClosed: closed.length,
    },
  };
}

export function reportSlice(
  message: SweepMessage,
  result: SliceResult,
  closing: Closing | undefined,
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
  if (closing?.outcome === 'closed') counters.add('sweep_runs_closed', { pass });
  const done = Object.entries(changes).map(([name, count]) => `${name} ${count}`);
  return {
    summary: [
      `${pass} ${outcome}${reason ? ` (${reason})` : ''}`,
      ...(examined > 0 ? [`${examined} keys examined`, ...done] : []),
      ...(closing?.outcome === 'closed' ? ['the pass is complete'] : []),
      ...(closing?.outcome === 'extended' ? [`${closing.shards.length} shards to walk again`] : []),
    ].join(', '),
    figures: { keysExamined: examined, serverMs: Math.round(serverMicros / 1_000), ...changes },
  };
}

/** The passes' state as gauges, for the collector and so for `metrics` and the dashboard. */
export function gaugeProgress(passes: readonly PassProgress[], counters: Counters): void {
  for (const { pass, percent, secondsLeft = 0, restarts, last } of passes) {
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
