import type { JournalRow } from './message';

/** The writes of one key that came together, newest first. The older ones are kept until the newest is decided. */
export interface KeyWrites {
  readonly key: string;
  readonly writes: readonly JournalRow[];
}

/** By key, in the order of the keys: every flush locks rows in that order, so no two can deadlock. */
export function coalesce(rows: readonly JournalRow[]): KeyWrites[] {
  const byKey = new Map<string, JournalRow[]>();
  for (const row of rows) {
    const known = byKey.get(row.key);
    if (known) known.push(row);
    else byKey.set(row.key, [row]);
  }
  return [...byKey]
    .map(([key, writes]) => ({ key, writes: writes.length > 1 ? newestFirst(writes) : writes }))
    .sort((a, b) => (a.key < b.key ? -1 : 1));
}

/** Without repeats: a message delivered twice brings a write twice. */
function newestFirst(writes: JournalRow[]): JournalRow[] {
  writes.sort((a, b) => (a.version < b.version ? 1 : -1));
  return writes.filter((row, at) => row.version !== writes[at - 1]?.version);
}
