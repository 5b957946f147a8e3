import type { EntityStore, SaveOutcome, StoredRow } from '../entity-store';
import { PermanentStoreError } from '../store-errors';
import { NO_VERSION, toVersion } from '../version';
import { binaryArray, JSONB, TEXT } from './binary-array';
import { classify, isMissingTable } from './classify-error';
import type { SqlPool } from './pool';
import { type TableMapping, tableSql } from './table';

export interface PostgresStoreOptions extends TableMapping {
  /** A `pg.Pool`, or {@link lazyPool}. Not closed by the store. */
  readonly pool: SqlPool;
}

/**
 * Rows in PostgreSQL 12 or newer: by default in the table `cache_entries`, which many entities may share, or in a table
 * of one's own that has a version and a tombstone column.
 */
export function postgresStore<V = unknown>(options: PostgresStoreOptions): EntityStore<V> {
  const { pool } = options;
  const sql = tableSql(options);
  let migrated: Promise<void> | undefined;

  const migrate = async (): Promise<void> => {
    if (!sql.migration) return;
    // The lock, since two processes that create one table at the same moment collide in the catalogue. Statements sent
    // together are one transaction by themselves; an explicit one would survive a failure and spoil the connection.
    await pool.query(`select pg_advisory_xact_lock(7267483); ${sql.migration}`);
  };

  /** Runs the statement; where the table is missing, makes it and tries once more. */
  const run = async (text: string, values: readonly unknown[]) => {
    try {
      try {
        return await pool.query(text, values);
      } catch (error) {
        if (!isMissingTable(error) || !sql.migration) throw error;
        migrated ??= migrate().finally(() => {
          migrated = undefined;
        });
        await migrated;
        return await pool.query(text, values);
      }
    } catch (error) {
      throw classify(error);
    }
  };

  const toColumn = (key: string): string => {
    // Its bytes would be those of another key.
    if (!key.isWellFormed()) {
      throw new PermanentStoreError('Expected a key of well-formed text, got half a surrogate pair', 'key-text');
    }
    if (key.startsWith(sql.keyPrefix) && key.length > sql.keyPrefix.length) return key.slice(sql.keyPrefix.length);
    throw new PermanentStoreError(`Expected a key that begins with ${sql.keyPrefix}, got another`, 'key-prefix');
  };

  return {
    async loadMany(keys, signal) {
      signal?.throwIfAborted();
      const found = new Map<string, StoredRow<V>>();
      if (keys.length === 0) return found;
      const { rows } = await run(sql.load, [keys.map(toColumn)]);
      signal?.throwIfAborted();
      for (const row of rows) {
        const version = toVersion(row.v as string | null);
        const text = row.j as string | null;
        found.set(
          sql.keyPrefix + (row.k as string),
          row.d === true
            ? { deleted: true, version }
            : { deleted: false, version, value: (text === null ? null : JSON.parse(text)) as V },
        );
      }
      return found;
    },

    async saveMany(rows) {
      if (rows.length === 0) return [];
      const columns = rows.map((row) => toColumn(row.key));
      const values = rows.map((row) => row.value);
      const given = rows.map((row) => row.version);
      const { rowCount } = await run(sql.save, [
        binaryArray(TEXT, columns),
        binaryArray(JSONB, values),
        `{${given.join(',')}}`,
      ]);
      if (rowCount === rows.length) return rows.map(() => SAVED);
      // Some were refused. Their rows are there for good, so a second look finds them; asking the statement to return
      // its keys would make every save pay for this one. A row of our own version was saved now or earlier.
      const { rows: stored } = await run(sql.versions, [columns]);
      const versions = new Map(stored.map((row) => [row.k as string, toVersion(row.v as string | null)]));
      return rows.map(({ version }, at): SaveOutcome => {
        const storedVersion = versions.get(columns[at] as string) ?? NO_VERSION;
        return storedVersion === version && rowCount !== 0 ? SAVED : { saved: false, storedVersion };
      });
    },

    async migrate() {
      try {
        await migrate();
      } catch (error) {
        throw classify(error);
      }
    },
  };
}

const SAVED: SaveOutcome = { saved: true };
