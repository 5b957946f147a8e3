import type { JournalRow } from '../journal/journal-message';

/** Writes of one batch, by key. */
export interface Coalesced {
  /** The newest write of each key, sorted by key. Every flush locks rows in this order, so no two can deadlock. */
  readonly newest: readonly JournalRow[];
  /** Older writes of the same keys, newest first. They are kept until the newest write is saved or refused. */
  readonly older: Map<string, readonly JournalRow[]>;
}

/** Removes repeats: a message that is delivered twice contains each write twice. */
export function coalesce(rows: readonly JournalRow[]): Coalesced {
  const newest: JournalRow[] = [];
  const older = new Map<string, JournalRow[]>();
  let last: JournalRow | undefined;
  for (const row of rows.toSorted(byKeyNewestFirst)) {
    if (last?.key !== row.key) newest.push(row);
    else if (last.version !== row.version) {
      const known = older.get(row.key);
      if (known) known.push(row);
      else older.set(row.key, [row]);
    }
    last = row;
  }
  return { newest, older };
}

const byKeyNewestFirst = (a: JournalRow, b: JournalRow): number =>
  a.key < b.key ? -1 : a.key > b.key ? 1 : a.version > b.version ? -1 : a.version < b.version ? 1 : 0;
