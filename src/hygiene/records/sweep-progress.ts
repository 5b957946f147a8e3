import type { Clock } from '../../clock';
import type { PassRecordStore } from '../ports';
import { passRecordName, shardRecordName } from './record-names';
import { PASSES, type PassName, type PassRecord, type PassSummary, type ShardRecord } from './sweep-record';

/** How far a pass is, for `health`, `metrics`, the dashboard and the command line. */
export interface PassProgress {
  readonly pass: PassName;
  readonly passId: string;
  readonly status: 'running' | 'finished';
  readonly dryRun: boolean;
  /** ms since 1970. */
  readonly startedAt: number;
  readonly shards: number;
  readonly shardsDone: number;
  /** Keys seen in the walks under way, foreign ones included. */
  readonly examined: number;
  /** Keys there were when the walks began. */
  readonly expected: number;
  /** 0 to 100; below 100 until the run is closed. */
  readonly percent: number;
  /** At the present rate; absent before the first page and after the end. */
  readonly secondsLeft?: number;
  readonly restarts: number;
  /** The last run that finished. */
  readonly last?: PassSummary;
}

/** Of every pass that has ever begun, from the records alone. */
export async function readProgress(records: PassRecordStore, clock: Clock): Promise<readonly PassProgress[]> {
  const all = await Promise.all(
    PASSES.map(async (pass) => {
      const run = (await records.read<PassRecord>(passRecordName(pass)))?.value;
      if (!run) return [];
      const shards = await Promise.all(
        run.shards.map(async (shard) => (await records.read<ShardRecord>(shardRecordName(pass, shard)))?.value),
      );
      return [progressOf(run, shards.filter((shard) => shard?.passId === run.passId) as ShardRecord[], clock.now())];
    }),
  );
  return all.flat();
}

/** How far a run is. Pure. */
export function progressOf(run: PassRecord, shards: readonly ShardRecord[], now: number): PassProgress {
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
