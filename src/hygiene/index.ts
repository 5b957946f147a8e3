import type { Clock } from '../clock';
import type { Entities } from '../entities/registry';
import type { JobReport } from '../job';
import type { Logger } from '../logger';
import type { Counters, RedisHandle } from '../redis';
import type { StorageClients } from '../storage/clients';
import { jsonBlobs } from '../storage/json-blobs';
import { sendText } from '../storage/queues';
import { finishSweep } from './engine/finish-sweep';
import { plan } from './engine/plan-sweeps';
import type { HygieneSettings } from './engine/sweep-kinds';
import { gaugeProgress, reportPlan, reportWorkItem } from './engine/sweep-reports';
import { runWorkItem } from './engine/work-item';
import type { RecordStore, SweepQueue } from './ports';
import { readProgress, type SweepProgress } from './records/sweep-progress';
import { toSweepMessage } from './records/sweep-record';
import { planOptions, sweepDeps } from './sweep-deps';

export interface SweepsOptions {
  readonly redis: RedisHandle;
  readonly storage: StorageClients;
  readonly settings: HygieneSettings;
  readonly entities: Entities;
  /** Declared prefixes of logical keys, as the caches have them: reclaim knows no others. Default: none. */
  readonly prefixes?: readonly string[];
  readonly counters: Counters;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** Sweeps as jobs. */
export interface Sweeps {
  /** Starts the sweeps that are due at `at`, and resumes those that have stalled. */
  plan(at: Date): Promise<JobReport>;
  /**
   * Does the work item that the message names. A message that cannot be read is counted and dropped: that loses
   * nothing, since sweeps are planned again.
   */
  workItem(message: unknown): Promise<JobReport>;
  /** The progress of each sweep that has ever run. */
  progress(): Promise<readonly SweepProgress[]>;
  /** Has running work items hand over to their successors. Resolves when they have, or failed to. */
  close(): Promise<void>;
}

/** Blobs of the records: `<STORAGE_NAME_PREFIX>-sweeps`. */
const CONTAINER = 'sweeps';

/** The longest that Storage Queues keep a message back: seven days. */
const MAX_DELAY_SECONDS = 7 * 86_400 - 60;

export const storageSweepQueue = (storage: StorageClients, name: string): SweepQueue => ({
  async send(message, delaySeconds = 0) {
    await sendText(storage, name, JSON.stringify(message), {
      visibilityTimeout: Math.min(delaySeconds, MAX_DELAY_SECONDS),
      messageTimeToLive: -1,
    });
  },
});

/** The records of the scheduled sweeps. */
export const openRecords = (storage: StorageClients): RecordStore => jsonBlobs(storage, CONTAINER);

/** Nothing connects before the first call. Throws `E_QUIET_HOURS` if those settings cannot be read. */
export function createSweeps(options: SweepsOptions): Sweeps {
  const { storage, settings, prefixes = [], counters, logger, clock } = options;
  const records = openRecords(storage);
  const queue = storageSweepQueue(storage, settings.SWEEP_QUEUE);
  const ending = new AbortController();
  const running = new Set<Promise<unknown>>();
  const deps = sweepDeps({ ...options, prefixes, only: undefined, records, queue, ending: ending.signal });
  return {
    async plan(at) {
      const result = await plan(at, deps, planOptions(settings));
      gaugeProgress(await readProgress(records, clock), counters);
      return reportPlan(result, counters);
    },
    async workItem(value) {
      const message = toSweepMessage(value);
      if (!message) {
        logger.warn(
          { job: 'sweepShard', queue: settings.SWEEP_QUEUE },
          'dropped a message that is no sweep; nothing of ours is lost: see what else writes to this queue',
        );
        counters.add('sweep_messages_dropped');
        return { summary: 'dropped a message that is no sweep', figures: { keysExamined: 0 } };
      }
      const work = runWorkItem(message, deps).finally(() => running.delete(work));
      running.add(work);
      const result = await work;
      // A dropped message too: its work item may have ended the shard and crashed before it finished the sweep.
      const mayBeEnd = ['finished', 'gone', 'dropped'].includes(result.outcome);
      const finish = mayBeEnd ? await finishSweep(message.pass, deps) : undefined;
      for (const fault of result.record?.faults ?? []) logger.warn({ sweep: message.pass, fault }, 'sweep incomplete');
      gaugeProgress(await readProgress(records, clock), counters);
      return reportWorkItem(message, result, finish, counters);
    },
    progress: () => readProgress(records, clock),
    async close() {
      ending.abort();
      await Promise.allSettled(running);
    },
  };
}

export { type CensusReport, censusReport, type GroupReport } from './census/census-report';
export type { CensusFindings } from './census/census-tally';
export { type CensusGroup, type CensusView, type DatedCensus, dated, readCensus } from './census/census-view';
export type { HygieneSettings } from './engine/sweep-kinds';
export type { RecordStore } from './ports';
export type { SweepProgress } from './records/sweep-progress';
export type { HistoryLine, SweepName, SweepSummary } from './records/sweep-record';
