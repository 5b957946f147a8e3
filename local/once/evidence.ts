/** What the traffic did, as the checks need to know it. */

/** The newest write of a key that was acknowledged. */
export interface AcknowledgedWrite {
  readonly version: string;
  /** The value of `sequence` in the profile that was written. */
  readonly sequence: number;
}

export interface WriteEvidence {
  readonly acknowledged: number;
  readonly failed: number;
  /** By logical key. */
  readonly newest: ReadonlyMap<string, AcknowledgedWrite>;
}

export interface SessionEvidence {
  /** Records that were in Redis before. */
  readonly before: ReadonlySet<string>;
  readonly created: number;
  /** Keys of those that the legacy script made, which have no TTL yet. */
  readonly withoutTtl: readonly string[];
}

export interface HotEvidence {
  readonly entries: number;
  /** Times that an entry was looked at in Redis itself. */
  readonly looks: number;
  /** Looks that found it absent, past its life, or renewed only after that. */
  readonly expired: number;
  /** Least life left that was seen, in ms. */
  readonly leastLeftMs: number;
  /** Entries that were seen to be renewed at least once. */
  readonly renewed: number;
}

export interface AlertEvidence {
  /** What the webhook received of the test alert, in order. */
  readonly received: readonly ('firing' | 'resolved')[];
}
