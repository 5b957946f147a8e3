import type { JournalRow } from '../journal/journal-message';

/** Writes that came together, by key. */
export interface Coalesced {
  /** Of each key, in the order of the keys: every flush locks rows in that order, so no two can deadlock. */
  readonly newest: readonly JournalRow[];
  /** The others of the keys that came more than once, newest first: kept until the newest is decided. */
  readonly older: Map<string, readonly JournalRow[]>;
}

/** Without repeats: a message delivered twice brings a write twice. */
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
