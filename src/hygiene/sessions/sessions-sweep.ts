import type { SweepKind } from '../ports';

/** The counts of a batch, in the order in which the script returns them. */
/** What was seen: `over` is a TTL beyond the absolute lifetime, `inspected` are the records that were checked. */
const SEEN = ['matched', 'missing', 'over', 'inspected', 'malformed', 'oversized', 'otherTypes', 'indexes'] as const;
/** What was changed: `pruned` are members removed from users' indexes because their session has expired. */
const DONE = ['given', 'capped', 'pruned'] as const;
export const COUNTS = [...SEEN, ...DONE] as const;

export type SessionCount = (typeof COUNTS)[number];
export type SessionCounts = Record<SessionCount, number>;

export interface SessionsBatch {
  readonly counts: SessionCounts;
  /** SHA-1 of some of the keys that were changed, or would be in a dry run. */
  readonly sample: readonly string[];
}

export interface SessionsFindings extends SessionCounts {
  sample: string[];
}

export const SAMPLE_SIZE = 20;

const NONE = Object.freeze(Object.fromEntries(COUNTS.map((name) => [name, 0]))) as SessionCounts;

export const noCounts = (): SessionCounts => ({ ...NONE });

export const sessionsKind: SweepKind<SessionsFindings, SessionsBatch> = {
  name: 'sessions',
  empty: () => ({ ...noCounts(), sample: [] }),
  add(findings, batch) {
    for (const name of COUNTS) findings[name] += batch.counts[name];
    keepSample(findings, batch.sample);
  },
  merge(findings, other) {
    for (const name of COUNTS) findings[name] += other[name];
    keepSample(findings, other.sample);
  },
  forget(findings) {
    for (const name of SEEN) findings[name] = 0;
  },
  figures: ({ sample: _, given, capped, pruned, ...seen }) => seen,
  changes: ({ given, capped, pruned }) => ({ given, capped, pruned }),
};

function keepSample(findings: SessionsFindings, more: readonly string[]): void {
  const { sample } = findings;
  for (const hash of more) if (sample.length < SAMPLE_SIZE && !sample.includes(hash)) sample.push(hash);
}
