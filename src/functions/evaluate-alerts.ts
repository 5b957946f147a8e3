import { app } from '@azure/functions';
import type { Triggers } from '../job';
import { type AppSource, runJob, tickOf } from './run-job';

/** The rules over the samples, each minute at :20. */
export function registerEvaluateAlerts(source: AppSource, { evaluateAlerts }: Triggers): void {
  app.timer('evaluateAlerts', {
    ...evaluateAlerts,
    handler: (timer, context) => runJob(source, 'evaluateAlerts', context, (it) => it.evaluateAlerts(tickOf(timer))),
  });
}
