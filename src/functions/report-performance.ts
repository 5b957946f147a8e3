import { app } from '@azure/functions';
import { type AppSource, runJob, tickOf } from './run-job';
import type { Triggers } from './triggers';

/** The report of the day, kept in blob storage. */
export function registerReportPerformance(source: AppSource, { REPORT_SCHEDULE }: Triggers): void {
  app.timer('reportPerformance', {
    schedule: REPORT_SCHEDULE,
    handler: (timer, context) =>
      runJob(source, 'reportPerformance', context, (it) => it.reportPerformance(tickOf(timer))),
  });
}
