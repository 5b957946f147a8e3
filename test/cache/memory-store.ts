import type { EntityStore, StoredRow, WriteRow } from '../../src/entities/entity-store';
import { isNewer } from '../../src/entities/version';

/** The fenced store in memory: what the contract says, and no more. */
export function memoryStore() {
  const rows = new Map<string, WriteRow>();
  const store: EntityStore<string> = {
    async loadMany(keys) {
      const found = new Map<string, StoredRow<string>>();
      for (const key of keys) {
        const row = rows.get(key);
        if (row?.value === null) found.set(key, { deleted: true, version: row.version });
        else if (row) found.set(key, { deleted: false, value: JSON.parse(row.value), version: row.version });
      }
      return found;
    },
    async saveMany(given) {
      return given.map((row) => {
        const stored = rows.get(row.key);
        if (stored && !isNewer(row.version, stored.version)) return { saved: false, storedVersion: stored.version };
        rows.set(row.key, row);
        return { saved: true };
      });
    },
    migrate: async () => {},
  };
  return { store, rows };
}
