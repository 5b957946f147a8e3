import { onTimer } from './run-job';

/** The report of the day, kept in blob storage. */
export const registerReportPerformance = onTimer('reportPerformance', (it, at) => it.reportPerformance(at));
