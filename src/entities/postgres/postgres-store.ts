import { coerceError } from '../../errors';
import type { EntityStore, SaveOutcome, StoredRow } from '../entity-store';
import { PermanentStoreError, TransientStoreError } from '../store-errors';
import { NO_VERSION, toVersion } from '../version';
import { binaryArray, JSONB, TEXT } from './binary-array';
import type { SqlPool } from './pool';
import { type TableMapping, tableSql } from './table';

export interface PostgresStoreOptions extends TableMapping {
  /** A `pg.Pool`, or {@link lazyPool}. The store does not close it. */
  readonly pool: SqlPool;
}

/**
 * A store in PostgreSQL 12 or newer. Its rows are in the table `cache_entries`, which many entities may share, or in a
 * table of your own with a version and a tombstone column.
 */
export function postgresStore<V = unknown>(options: PostgresStoreOptions): EntityStore<V> {
  const { pool } = options;
  const sql = tableSql(options);
  let migrated: Promise<void> | undefined;

  const migrate = async (): Promise<void> => {
    if (!sql.migration) return;
    // The lock, because two processes that create a table at the same moment collide in the catalogue. Statements sent
    // together are one transaction. An explicit transaction would stay open after a failure and block the connection.
    await pool.query(`select pg_advisory_xact_lock(7267483); ${sql.migration}`);
  };

  /** Runs the statement. If the table is missing, creates it and tries once more. */
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
      throw toStoreError(error);
    }
  };

  const toColumn = (key: string): string => {
    // Half a surrogate pair would be stored as the bytes of another key.
    if (!key.isWellFormed()) {
      throw new PermanentStoreError('The key is not well-formed text: it has half a surrogate pair', 'key-text');
    }
    if (key.startsWith(sql.keyPrefix) && key.length > sql.keyPrefix.length) return key.slice(sql.keyPrefix.length);
    throw new PermanentStoreError(
      `The key does not begin with ${sql.keyPrefix}, the keyPrefix of its table`,
      'key-prefix',
    );
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
      // Some were refused. Rows are never removed, so a second query finds their versions. Returning keys from the
      // statement would make every save slower. A row with our version was saved now or earlier.
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
        throw toStoreError(error);
      }
    },
  };
}

const SAVED: SaveOutcome = { saved: true };

/**
 * Classes of SQLSTATE that mean that the database will never save this row: 21 cardinality, 22 data exception (a bad
 * number, U+0000 in jsonb), 23 a constraint, 44 a view's check, 54 a limit (an index row too long), P0 raised by a
 * trigger. Every other class concerns the server, the connection, a lock or the schema, which can change: a table that
 * a deployment has not created yet must not turn a day's writes into dead letters.
 */
const PERMANENT_CLASSES = new Set(['21', '22', '23', '44', '54', 'P0']);

const SQLSTATE = /^[0-9A-Z]{5}$/;

/** The store's error for an error of `pg`, without its message and detail: both may contain values of the row. */
function toStoreError(thrown: unknown): TransientStoreError | PermanentStoreError {
  if (thrown instanceof TransientStoreError || thrown instanceof PermanentStoreError) return thrown;
  const { code, column, constraint } = coerceError(thrown) as Error & Record<'code' | 'column' | 'constraint', unknown>;
  if (typeof code === 'string' && SQLSTATE.test(code) && PERMANENT_CLASSES.has(code.slice(0, 2))) {
    const where = [
      typeof column === 'string' ? ` in column ${column}` : '',
      typeof constraint === 'string' ? ` by constraint ${constraint}` : '',
    ].join('');
    return new PermanentStoreError(`The database refused a row (SQLSTATE ${code}${where})`, code);
  }
  return new TransientStoreError(
    `The database did not take the statement (${typeof code === 'string' ? code : coerceError(thrown).name}). Try again later`,
    { cause: thrown },
  );
}

/** The table does not exist. A migration may help. */
const isMissingTable = (thrown: unknown): boolean => (thrown as { code?: unknown } | null)?.code === '42P01';
