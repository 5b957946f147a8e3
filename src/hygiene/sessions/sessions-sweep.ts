import type { PassKind } from '../ports';

/** What a page counts, in the order in which the page script answers. */
export const COUNTS = [
  /** Keys with the sessions' prefix. */
  'matched',
  /** Without a TTL. */
  'missing',
  /** With a TTL beyond the absolute lifetime. */
  'over',
  /** Records looked into. */
  'inspected',
  'malformed',
  'oversized',
  /** Not strings, where a session should be one. */
  'otherTypes',
  /** Users' indexes. */
  'indexes',
  /** Given a TTL. */
  'given',
  'capped',
  /** Members taken out of users' indexes, because their session has expired. */
  'pruned',
] as const;

export type SessionCount = (typeof COUNTS)[number];
export type SessionCounts = Record<SessionCount, number>;

/** What of it was done, not only seen. */
const DONE = ['given', 'capped', 'pruned'] as const satisfies readonly SessionCount[];

export interface SessionsPage {
  readonly counts: SessionCounts;
  /** SHA-1 of some of the keys that were, or in a dry run would be, changed. */
  readonly sample: readonly string[];
}

export interface SessionsFindings extends SessionCounts {
  sample: string[];
}

export const SAMPLE_SIZE = 20;

const NONE = Object.freeze(Object.fromEntries(COUNTS.map((name) => [name, 0]))) as SessionCounts;

export const noCounts = (): SessionCounts => ({ ...NONE });

export const sessionsKind: PassKind<SessionsFindings, SessionsPage> = {
  name: 'sessions',
  empty: () => ({ ...noCounts(), sample: [] }),
  add(findings, page) {
    for (const name of COUNTS) findings[name] += page.counts[name];
    keepSample(findings, page.sample);
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
