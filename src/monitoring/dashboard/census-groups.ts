import { DAY } from '../../clock';

/** A group of keys as the census of the keyspace found it. */
export interface CensusGroup {
  /** `namespace:entity` of cached entries, `sessions` and so on. */
  readonly label: string;
  readonly keys: number;
  /** Of its keys; null where it has none. */
  readonly withoutTtlShare: number | null;
  /** Estimated, and true to plus or minus `memoryErrorBytes`; null where the server does not tell. */
  readonly memoryBytes: number | null;
  readonly memoryErrorBytes: number | null;
  /** How it grows; null before there is an earlier census to compare with. */
  readonly keysPerDay: number | null;
}

/** What the newest census says of the keyspace. */
export interface CensusView {
  /** ms since 1970. */
  readonly finishedAt: number;
  /** False where it may have missed keys. */
  readonly isComplete: boolean;
  /** The largest first. */
  readonly groups: readonly CensusGroup[];
  readonly total: CensusGroup;
  /** How the servers' used memory grows. */
  readonly usedBytesPerDay: number | null;
  /** Counted from `finishedAt`; null where memory does not grow or has no limit. */
  readonly daysUntilFull: number | null;
}

/** With the day on which memory is full, in ms since 1970; null where that isn't in sight. */
export interface DatedCensus extends CensusView {
  readonly fullAt: number | null;
}

/** Growth of next to nothing would name a day that no calendar has. */
const HORIZON_DAYS = 3_650;

export function dated(census: CensusView | undefined): DatedCensus | null {
  if (!census) return null;
  const { finishedAt, daysUntilFull: days } = census;
  return { ...census, fullAt: days === null || days > HORIZON_DAYS ? null : finishedAt + days * DAY };
}
