import type { Pool } from 'pg';
import { StewardError } from '../../errors';
import type { Settings } from '../../settings';

/** What a store needs of PostgreSQL. A `pg.Pool` is one as it stands. */
export interface SqlPool {
  query(text: string, values?: readonly unknown[]): Promise<SqlResult>;
}

export interface SqlResult {
  readonly rows: readonly Readonly<Record<string, unknown>>[];
  /** Rows written, for a statement that writes. */
  readonly rowCount: number | null;
}

/** The database is not named in the settings. */
export class DatabaseSettingsError extends StewardError {
  readonly code = 'E_DATABASE_SETTINGS';
}

export interface LazyPool extends SqlPool {
  /** Ends the connections, if there are any. Statements under way finish first. */
  close(): Promise<void>;
}

export type DatabaseSettings = Pick<
  Settings,
  'DATABASE_URL' | 'DATABASE_POOL_SIZE' | 'DATABASE_CONNECT_TIMEOUT_MS' | 'DATABASE_STATEMENT_TIMEOUT_MS'
>;

/**
 * A pool that loads `pg` and connects at its first statement. A statement that runs out of time loses its connection,
 * so whether it was carried out is unknown: every statement of the store may be repeated.
 */
export function lazyPool(settings: DatabaseSettings, onError: (error: Error) => void = () => {}): LazyPool {
  let pool: Promise<Pool> | undefined;
  const open = async (): Promise<Pool> => {
    if (!settings.DATABASE_URL) {
      throw new DatabaseSettingsError(
        'Expected DATABASE_URL to name a PostgreSQL, got nothing; set it to a postgres:// URL',
      );
    }
    const { Pool } = await import('pg');
    const opened = new Pool({
      connectionString: settings.DATABASE_URL,
      max: settings.DATABASE_POOL_SIZE,
      connectionTimeoutMillis: settings.DATABASE_CONNECT_TIMEOUT_MS,
      query_timeout: settings.DATABASE_STATEMENT_TIMEOUT_MS,
      keepAlive: true,
      allowExitOnIdle: true,
    });
    // An idle connection that breaks would otherwise end the process; the pool opens another by itself.
    opened.on('error', onError);
    return opened;
  };
  return {
    async query(text, values) {
      pool ??= open().catch((error: unknown) => {
        pool = undefined;
        throw error;
      });
      return (await pool).query(text, values as unknown[]);
    },
    async close() {
      const opened = await pool;
      pool = undefined;
      await opened?.end();
    },
  };
}
