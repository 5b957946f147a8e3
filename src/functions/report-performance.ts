import { app } from '@azure/functions';
import type { Triggers } from '../job';
import { type AppSource, runJob, tickOf } from './run-job';

/** The report of the day, kept in blob storage. */
export function registerReportPerformance(source: AppSource, { reportPerformance }: Triggers): void {
  app.timer('reportPerformance', {
    ...reportPerformance,
    handler: (timer, context) =>
      runJob(source, 'reportPerformance', context, (it) => it.reportPerformance(tickOf(timer))),
  });
}
