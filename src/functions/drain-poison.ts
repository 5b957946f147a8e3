import { onTimer } from './run-job';

/** Takes what the host has put on any poison queue, each 5 minutes. */
export const registerDrainPoison = onTimer('drainPoison', (it) => it.drainPoison());
