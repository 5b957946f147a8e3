import type { SweepKind } from '../ports';

/** The counts of a batch, in the order in which the script returns them. */
export const COUNTS = [
  /** Keys of sessions, and of what belongs to users. */
  'matched',
  /** Without a TTL. */
  'missing',
  /** With a TTL beyond the absolute lifetime. */
  'over',
  /** Records that were checked. */
  'inspected',
  'malformed',
  'oversized',
  /** Keys of sessions that are not strings. */
  'otherTypes',
  /** Users' indexes. */
  'indexes',
  /** Given a TTL. */
  'given',
  'capped',
  /** Members removed from users' indexes because their session has expired. */
  'pruned',
] as const;

export type SessionCount = (typeof COUNTS)[number];
export type SessionCounts = Record<SessionCount, number>;

/** The counts of what was changed; the others are only seen. */
const DONE = ['given', 'capped', 'pruned'] as const satisfies readonly SessionCount[];

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
    const done: readonly SessionCount[] = DONE;
    for (const name of COUNTS) if (!done.includes(name)) findings[name] = 0;
  },
  figures: (findings) => {
    const { sample: _, given, capped, pruned, ...seen } = findings;
    return seen;
  },
  changes: ({ given, capped, pruned }) => ({ given, capped, pruned }),
};

function keepSample(findings: SessionsFindings, more: readonly string[]): void {
  const { sample } = findings;
  for (const hash of more) if (sample.length < SAMPLE_SIZE && !sample.includes(hash)) sample.push(hash);
}
