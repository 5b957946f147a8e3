import { app } from '@azure/functions';
import type { Triggers } from '../job';
import { type AppSource, runJob } from './run-job';

/** Takes what the host has put on any poison queue, each 5 minutes. */
export function registerDrainPoison(source: AppSource, { drainPoison }: Triggers): void {
  app.timer('drainPoison', {
    ...drainPoison,
    handler: (_timer, context) => runJob(source, 'drainPoison', context, (it) => it.drainPoison()),
  });
}
