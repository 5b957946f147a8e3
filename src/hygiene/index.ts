import type { Clock } from '../clock';
import type { Entities } from '../entities/registry';
import type { JobReport } from '../job';
import type { Logger } from '../logger';
import type { Counters, RedisHandle } from '../redis';
import type { StorageClients } from '../storage/clients';
import { closePass } from './engine/finish-sweep';
import { plan } from './engine/plan-sweeps';
import { redisShards } from './engine/shard-source';
import { PAGE_DEADLINE_MS, passKinds, passWork } from './engine/sweep-kinds';
import { storageSweepQueue } from './engine/sweep-queue';
import { gaugeProgress, reportPlan, reportSlice } from './engine/sweep-reports';
import { runSlice, type SliceDeps } from './engine/work-item';
import type { PassRecordStore } from './ports';
import { blobRecords } from './records/record-stores';
import { type PassProgress, readProgress } from './records/sweep-progress';
import { toSweepMessage } from './records/sweep-record';
import { type HygieneSettings, planOptions, sliceOptions } from './sweep-deps';
import { quietHours } from './throttle/quiet-hours';

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

/** Hygiene passes as jobs. */
export interface Sweeps {
  /** Starts the passes that are due at `at`, and takes up again what stalled. */
  plan(at: Date): Promise<JobReport>;
  /**
   * One slice of a shard, as the message says. One that can't be read is counted and dropped: nothing hangs on it,
   * since passes are planned again.
   */
  slice(message: unknown): Promise<JobReport>;
  /** How far each pass is; those that have never run are not in it. */
  progress(): Promise<readonly PassProgress[]>;
}

/** Blobs of the records: `<STORAGE_NAME_PREFIX>-sweeps`. */
const CONTAINER = 'sweeps';

/** The records of the scheduled passes. */
export const openRecords = (storage: StorageClients): PassRecordStore => blobRecords(storage, CONTAINER);

/** Nothing connects before the first call. Throws `E_QUIET_HOURS` where those settings can't be read. */
export function createSweeps(options: SweepsOptions): Sweeps {
  const { redis, storage, settings, entities, prefixes = [], counters, logger, clock } = options;
  const deps: SliceDeps = {
    records: openRecords(storage),
    queue: storageSweepQueue(storage, settings.SWEEP_QUEUE),
    shards: redisShards({
      redis,
      work: passWork({ redis, settings, entities, prefixes, only: undefined, clock, deadlineMs: PAGE_DEADLINE_MS }),
      way: settings.SWEEP_PAGES,
      deadlineMs: PAGE_DEADLINE_MS,
    }),
    kinds: passKinds,
    quiet: quietHours(settings.SWEEP_QUIET_HOURS, settings.SWEEP_TIME_ZONE),
    clock,
    options: sliceOptions(settings),
  };
  return {
    async plan(at) {
      const result = await plan(at, deps, planOptions(settings));
      gaugeProgress(await readProgress(deps.records, clock), counters);
      return reportPlan(result, counters);
    },
    async slice(value) {
      const message = toSweepMessage(value);
      if (!message) {
        logger.warn({ job: 'sweepShard' }, 'not a message of a sweep, dropped');
        counters.add('sweep_messages_dropped');
        return { summary: 'a message that is none of a sweep was dropped', figures: { keysExamined: 0 } };
      }
      const result = await runSlice(message, deps);
      // A dropped one too: it may come again because its slice ended the shard and then crashed.
      const mayBeEnd = ['finished', 'gone', 'dropped'].includes(result.outcome);
      const closing = mayBeEnd ? await closePass(message.pass, deps) : undefined;
      for (const fault of result.record?.faults ?? []) logger.warn({ pass: message.pass, fault }, 'sweep incomplete');
      gaugeProgress(await readProgress(deps.records, clock), counters);
      return reportSlice(message, result, closing, counters);
    },
    progress: () => readProgress(deps.records, clock),
  };
}

export { type CensusReport, censusReport, type GroupReport } from './census/census-report';
export type { CensusFindings } from './census/census-tally';
export type { PassRecordStore } from './ports';
export type { PassProgress } from './records/sweep-progress';
export type { HistoryLine, PassName, PassSummary } from './records/sweep-record';
export type { HygieneSettings } from './sweep-deps';
