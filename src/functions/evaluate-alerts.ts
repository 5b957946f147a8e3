import { app } from '@azure/functions';
import { type AppSource, runJob, tickOf } from './run-job';
import type { Triggers } from './triggers';

/** The rules over the samples, each minute at :20. */
export function registerEvaluateAlerts(source: AppSource, { EVALUATE_ALERTS_SCHEDULE }: Triggers): void {
  app.timer('evaluateAlerts', {
    schedule: EVALUATE_ALERTS_SCHEDULE,
    handler: (timer, context) => runJob(source, 'evaluateAlerts', context, (it) => it.evaluateAlerts(tickOf(timer))),
  });
}
