import type { TableClient } from '@azure/data-tables';
import { type Clock, SECOND } from '../../clock';
import { coerceError, errorCode } from '../../errors';
import type { JobName } from '../../job';
import type { Logger } from '../../logger';
import { type StorageClients, unlessStatus } from '../../storage/clients';
import { withTimeout } from '../../timeout';

/** What is remembered of a job's runs. Times are ms since 1970. */
export interface JobRun {
  /** When watching it began. The age of a job that never succeeded counts from here. */
  readonly knownAt: number;
  readonly succeededAt?: number;
  readonly failedAt?: number;
  /** Code of the error that the last failed run ended with. */
  readonly failedWith?: string;
  /** When the failures began of which that was the last. A success of another process may lie between. */
  readonly failingSince?: number;
}

export interface JobRuns {
  /**
   * Remembers how a run ended: one small write, or none if the same was written seconds ago. Never rejects, and takes
   * 2 s at most.
   */
  note(job: JobName, failedWith?: string): Promise<void>;
  /** Of all `jobs`; one that was never seen before is watched from now on. */
  read(jobs: readonly JobName[]): Promise<ReadonlyMap<JobName, JobRun>>;
}

export type JobRunsOptions = { readonly storage: StorageClients; readonly clock: Clock; readonly logger: Logger };

export const JOB_RUNS_TABLE = 'jobruns';
const PARTITION = 'job';
const WRITE_MS = 2 * SECOND;
/** The functions of queues run many times a second, in many processes. */
const REPEAT_AFTER_MS = 30 * SECOND;

/**
 * A row a job in Table Storage: known also when Redis is not. Success and failure are columns of their own, so that
 * processes that write at a time take nothing from each other.
 */
export function createJobRuns({ storage, clock, logger }: JobRunsOptions): JobRuns {
  /** What this process wrote last, by job. */
  const written = new Map<JobName, { readonly failedWith: string | undefined; readonly at: number }>();

  /** Since when a job has failed in this process. */
  const failingSince = new Map<JobName, number>();

  async function write(job: JobName, at: number, failedWith: string | undefined): Promise<void> {
    const table = await storage.table(JOB_RUNS_TABLE);
    const row = { partitionKey: PARTITION, rowKey: job };
    if (failedWith === undefined) {
      failingSince.delete(job);
      await table.upsertEntity({ ...row, succeededAt: new Date(at) }, 'Merge');
      return;
    }
    const since = failingSince.get(job) ?? (await failuresSince(table, job)) ?? at;
    failingSince.set(job, since);
    const failure = { failedAt: new Date(at), failedWith, failingSince: new Date(since) };
    await table.upsertEntity({ ...row, ...failure }, 'Merge');
  }

  return {
    async note(job, failedWith) {
      const at = clock.now();
      const last = written.get(job);
      if (last && last.failedWith === failedWith && Math.abs(at - last.at) < REPEAT_AFTER_MS) return;
      written.set(job, { failedWith, at });
      try {
        const late = () => new Error(`storage did not answer within ${WRITE_MS} ms`);
        await withTimeout(write(job, at, failedWith), WRITE_MS, late);
      } catch (error) {
        written.delete(job);
        const fields = { job, code: errorCode(error), error: coerceError(error).message };
        logger.warn(fields, 'could not record how the job ended; until a run is recorded, health may call it overdue');
      }
    },

    async read(jobs) {
      const table = await storage.table(JOB_RUNS_TABLE);
      const runs = new Map<JobName, JobRun>();
      const queryOptions = { filter: `PartitionKey eq '${PARTITION}'` };
      for await (const row of table.listEntities<Row>({ queryOptions })) {
        if (row.rowKey) runs.set(row.rowKey as JobName, toRun(row));
      }
      const unseen = jobs.filter((job) => !runs.has(job));
      await Promise.all(unseen.map((job) => watch(table, job, clock.now())));
      for (const job of unseen) runs.set(job, { knownAt: clock.now() });
      return runs;
    },
  };
}

/** A job that does not run at all writes nothing: the first reader that looks for it begins its row. */
const watch = (table: TableClient, job: JobName, now: number) =>
  unlessStatus(409, table.createEntity({ partitionKey: PARTITION, rowKey: job, knownAt: new Date(now) }));

/** Since when a job failed in the processes before this one; undefined if it last succeeded. */
async function failuresSince(table: TableClient, job: JobName): Promise<number | undefined> {
  const row = await unlessStatus(404, table.getEntity<Row>(PARTITION, job));
  const { succeededAt = 0, failedAt = 0, failingSince } = row ? toRun(row) : { failingSince: undefined };
  return failedAt > succeededAt ? failingSince : undefined;
}

interface Row {
  readonly knownAt?: Date | string;
  readonly succeededAt?: Date | string;
  readonly failedAt?: Date | string;
  readonly failedWith?: string;
  readonly failingSince?: Date | string;
}

function toRun({ failedWith, ...row }: Row): JobRun {
  const at = (time: Date | string | undefined) => (time === undefined ? undefined : new Date(time).getTime());
  const [succeededAt, failedAt, failingSince] = [at(row.succeededAt), at(row.failedAt), at(row.failingSince)];
  const knownAt = at(row.knownAt) ?? succeededAt ?? failedAt ?? 0;
  return {
    knownAt,
    ...(succeededAt !== undefined && { succeededAt }),
    ...(failedAt !== undefined && { failedAt }),
    ...(failedWith !== undefined && { failedWith }),
    ...(failingSince !== undefined && { failingSince }),
  };
}
