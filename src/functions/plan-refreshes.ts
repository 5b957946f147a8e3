import { onTimer } from './run-job';

/** Claims hot entries that are due and queues them, each minute. */
export const registerPlanRefreshes = onTimer('planRefreshes', (it, at) => it.planRefreshes(at));
