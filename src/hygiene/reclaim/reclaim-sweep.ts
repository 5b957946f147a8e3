import type { PassKind } from '../ports';

export interface ReclaimFindings {
  /** Cached entries. */
  entries: number;
  /** Of them, invalidated by a tag's or a prefix's epoch. */
  dead: number;
  /** Of them, removed: the others were written again meanwhile, or it was a dry run. */
  unlinked: number;
}

export const reclaimKind: PassKind<ReclaimFindings, Readonly<ReclaimFindings>> = {
  name: 'reclaim',
  empty: () => ({ entries: 0, dead: 0, unlinked: 0 }),
  add: addUp,
  merge: addUp,
  forget(findings) {
    findings.entries = 0;
    findings.dead = 0;
  },
  figures: ({ entries, dead }) => ({ entries, dead }),
  changes: ({ unlinked }) => ({ unlinked }),
};

function addUp(findings: ReclaimFindings, more: Readonly<ReclaimFindings>): void {
  findings.entries += more.entries;
  findings.dead += more.dead;
  findings.unlinked += more.unlinked;
}
