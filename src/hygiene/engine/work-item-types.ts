import type { Clock } from '../../clock';
import type { PassKind, PassRecordStore, ShardSource, SweepQueue } from '../ports';
import type { PassName, ShardRecord } from '../records/sweep-record';
import type { QuietHours } from '../throttle/quiet-hours';
import type { GentleLimits, StopReason } from '../throttle/throttle-limits';

export interface SliceOptions {
  /** How long a slice works before it hands over, in ms. Well below the function's time-out. */
  readonly budgetMs: number;
  /** How often the record is saved and the server's vitals are read, in ms. */
  readonly saveEveryMs: number;
  /** How long a slice that has died keeps others waiting, in ms. More than `saveEveryMs` and any page. */
  readonly claimMs: number;
  /** How long a pass rests after it was stopped, in ms. */
  readonly pauseMs: number;
  /** A run older than this ends, and says so: a keyspace may grow as fast as it is walked. ms. */
  readonly maxPassMs: number;
  readonly limits: GentleLimits;
}

export interface SliceDeps {
  readonly records: PassRecordStore;
  readonly queue: SweepQueue;
  readonly shards: ShardSource;
  readonly kinds: Readonly<Record<PassName, PassKind>>;
  readonly quiet: QuietHours;
  readonly clock: Clock;
  readonly options: SliceOptions;
}

export interface SliceResult {
  readonly outcome:
    | 'continued'
    | 'finished'
    | 'gone'
    | 'paused'
    /** Not this message's turn. */
    | 'waiting'
    | 'queued-next'
    | 'dropped'
    /** Another delivery has saved the record: what this one saw is not counted. */
    | 'superseded';
  /** Why it paused. */
  readonly reason?: StopReason | 'quiet-hours' | 'unreachable';
  readonly examined: number;
  readonly serverMicros: number;
  /** By name, what this slice changed. */
  readonly changes: Readonly<Record<string, number>>;
  readonly record?: ShardRecord;
}
