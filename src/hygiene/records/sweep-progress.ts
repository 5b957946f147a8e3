import type { Clock } from '../../clock';
import type { RecordStore } from '../ports';
import { type ShardRecord, SWEEPS, type SweepRecord, shardRecordName, sweepRecordName } from './sweep-record';

/** The progress of a sweep, for `health`, `metrics`, the dashboard and the command line. */
export interface SweepProgress
  extends Pick<SweepRecord, 'pass' | 'passId' | 'status' | 'dryRun' | 'startedAt' | 'last'> {
  readonly shards: number;
  readonly shardsDone: number;
  /** Keys seen in the scans that are running, foreign ones included. */
  readonly examined: number;
  /** Keys that existed when the scans started. */
  readonly expected: number;
  /** 0 to 100; below 100 until the run has finished. */
  readonly percent: number;
  /** At the present rate; absent before the first batch and after the end. */
  readonly secondsLeft?: number;
  readonly restarts: number;
}

/** Progress of every sweep that has ever started, from the records alone. */
export async function readProgress(records: RecordStore, clock: Clock): Promise<readonly SweepProgress[]> {
  const all = await Promise.all(
    SWEEPS.map(async (sweep) => {
      const run = (await records.read<SweepRecord>(sweepRecordName(sweep)))?.value;
      if (!run) return [];
      const shards = await Promise.all(
        run.shards.map(async (shard) => (await records.read<ShardRecord>(shardRecordName(sweep, shard)))?.value),
      );
      return [progressOf(run, shards.filter((shard) => shard?.passId === run.passId) as ShardRecord[], clock.now())];
    }),
  );
  return all.flat();
}

/** Progress of one run. Pure. */
export function progressOf(run: SweepRecord, shards: readonly ShardRecord[], now: number): SweepProgress {
  const running = run.status === 'running';
  const sum = (of: (shard: ShardRecord) => number) => shards.reduce((total, shard) => total + of(shard), 0);
  const examined = sum((shard) => shard.examined);
  const expected = sum(({ status, baseline, examined: seen }) =>
    status === 'running' ? Math.max(baseline.keys, seen) : seen,
  );
  const share = running ? Math.min(0.999, expected > 0 ? examined / expected : 0) : 1;
  const elapsed = now - run.startedAt;
  return {
    pass: run.pass,
    passId: run.passId,
    status: run.status,
    dryRun: run.dryRun,
    startedAt: run.startedAt,
    shards: run.shards.length,
    shardsDone: shards.filter(({ status }) => status !== 'running').length,
    examined,
    expected,
    percent: Math.round(share * 1_000) / 10,
    ...(running && share > 0 ? { secondsLeft: Math.round((elapsed * (1 - share)) / share / 1_000) } : {}),
    restarts: sum(({ restarts }) => restarts),
    ...(run.last ? { last: run.last } : {}),
  };
}
