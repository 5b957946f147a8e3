import { onMessage } from './run-job';

/** Runs one work item of a sweep and queues the next. */
export const registerSweepShard = onMessage('sweepShard', (it, message) => it.sweepShard(message));
