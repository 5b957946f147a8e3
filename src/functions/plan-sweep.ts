import { onTimer } from './run-job';

/** Queues one work item a shard for each sweep that is due, hourly. */
export const registerPlanSweep = onTimer('planSweep', (it, at) => it.planSweep(at));
