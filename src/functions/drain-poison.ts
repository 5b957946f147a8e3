import { app } from '@azure/functions';
import { type AppSource, runJob } from './run-job';
import type { Triggers } from './triggers';

/** Takes what the host has put on any poison queue, each 5 minutes. */
export function registerDrainPoison(source: AppSource, { DRAIN_POISON_SCHEDULE }: Triggers): void {
  app.timer('drainPoison', {
    schedule: DRAIN_POISON_SCHEDULE,
    handler: (_timer, context) => runJob(source, 'drainPoison', context, (it) => it.drainPoison()),
  });
}
