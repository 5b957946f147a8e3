import { onTimer } from './run-job';

/** One sample a node, each minute at :00. */
export const registerCollectMetrics = onTimer('collectMetrics', (it, at) => it.collectMetrics(at));
