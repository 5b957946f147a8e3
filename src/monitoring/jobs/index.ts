import type { Clock } from '../../clock';
import type { JobName, Triggers } from '../../job';
import type { StorageClients } from '../../storage/clients';
import { oldestSeconds } from '../collect/app-reading';
import type { JobRuns } from './job-runs';
import { type JobState, jobStates } from './job-states';

export { createJobRuns, JOB_RUNS_TABLE, type JobRun, type JobRuns } from './job-runs';
export { type JobState, jobStates } from './job-states';

export interface JobWatchOptions {
  readonly runs: JobRuns;
  readonly triggers: Triggers;
  readonly storage: StorageClients;
  readonly clock: Clock;
}

/** How every job is, from the record of runs and the queues: what `health`, the samples and the dashboard show. */
export async function readJobStates({ runs, triggers, storage, clock }: JobWatchOptions): Promise<readonly JobState[]> {
  const now = clock.now();
  const queues = Object.values(triggers).flatMap((trigger) => ('queueName' in trigger ? [trigger.queueName] : []));
  const [known, ages] = await Promise.all([
    runs.read(Object.keys(triggers) as JobName[]),
    Promise.all(queues.map(async (name) => [name, await oldestSeconds(await storage.queue(name), now)] as const)),
  ]);
  return jobStates({ triggers, runs: known, waiting: new Map(ages), now });
}
