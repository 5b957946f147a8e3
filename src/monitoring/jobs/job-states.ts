import { MINUTE, SECOND } from '../../clock';
import type { JobName, Trigger } from '../../job';
import { parseSchedule } from '../../settings/ncrontab';
import type { JobRun } from './job-runs';

/** Whether a job does its work, by the record of its runs. */
export interface JobState {
  readonly job: JobName;
  readonly isOverdue: boolean;
  /** ms since 1970; null if it never succeeded. */
  readonly succeededAt: number | null;
  readonly failedAt: number | null;
  /** Seconds since the last success, or since the job is watched if there was none. */
  readonly ageSeconds: number;
  /** One sentence. */
  readonly detail: string;
}

export interface JobStatesOptions {
  readonly triggers: Readonly<Record<JobName, Trigger>>;
  readonly runs: ReadonlyMap<JobName, JobRun>;
  /** Seconds that the oldest visible message has waited, by the queue's name. */
  readonly waiting: ReadonlyMap<string, number>;
  readonly now: number;
}

/** Times that a schedule may come round without a success. */
const PERIODS = 3;
/** The last of these runs may still be under way, or wait for a cold start. */
const GRACE = MINUTE;
/** A message is taken within seconds; one that waits for longer while nothing succeeds is left alone. */
const LONGEST_WAIT = 5 * MINUTE;

export const jobStates = ({ triggers, runs, waiting, now }: JobStatesOptions): readonly JobState[] =>
  Object.entries(triggers).map(([name, trigger]) => {
    const job = name as JobName;
    const run = runs.get(job) ?? { knownAt: now };
    const since = run.succeededAt ?? run.knownAt;
    const fault =
      'schedule' in trigger
        ? scheduleFault(trigger.schedule, since, now)
        : (queueFault(waiting.get(trigger.queueName) ?? 0, since, now) ?? failuresFault(run, since));
    const succeeded = run.succeededAt === undefined ? 'never succeeded' : `succeeded ${ago(run.succeededAt, now)}`;
    const hasFailedSince = run.failedAt !== undefined && run.failedAt >= since;
    const failed =
      hasFailedSince && run.failedAt !== undefined ? `, failed ${ago(run.failedAt, now)} (${run.failedWith})` : '';
    return {
      job,
      isOverdue: fault !== undefined,
      succeededAt: run.succeededAt ?? null,
      failedAt: run.failedAt ?? null,
      ageSeconds: Math.max(0, Math.round((now - since) / SECOND)),
      detail: `${succeeded}${failed}${fault === undefined ? '' : `; ${fault}`}`,
    };
  });

function scheduleFault(schedule: string, since: number, now: number): string | undefined {
  const { next } = parseSchedule(schedule);
  let time: Date | undefined = new Date(since);
  for (let passed = 0; passed < PERIODS; passed += 1) {
    time = time && next(time);
    if (time === undefined || time.getTime() + GRACE > now) return undefined;
  }
  return `its schedule ${schedule} has come round ${PERIODS} times since`;
}

function queueFault(waitedSeconds: number, since: number, now: number): string | undefined {
  if (waitedSeconds * SECOND < LONGEST_WAIT || now - since < LONGEST_WAIT) return undefined;
  return `a message has waited for ${Math.round(waitedSeconds)} s`;
}

/** What is put back waits in a new message each time, so its wait says nothing: the failures in a row do. */
function failuresFault({ failedAt, failingSince }: JobRun, since: number): string | undefined {
  if (failedAt === undefined || failingSince === undefined) return undefined;
  const failedForMs = failedAt - Math.max(failingSince, since);
  if (failedForMs < LONGEST_WAIT) return undefined;
  return `every run of ${Math.round(failedForMs / SECOND)} s failed`;
}

const ago = (at: number, now: number): string => `${Math.max(0, Math.round((now - at) / SECOND))} s ago`;
