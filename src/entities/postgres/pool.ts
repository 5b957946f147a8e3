import type { Pool } from 'pg';
import { StewardError } from '../../errors';
import { missing } from '../../optional-packages';
import type { Settings } from '../../settings';

/** What a store needs from PostgreSQL. A `pg.Pool` is one. */
export interface SqlPool {
  query(text: string, values?: readonly unknown[]): Promise<SqlResult>;
}

export interface SqlResult {
  readonly rows: readonly Readonly<Record<string, unknown>>[];
  /** Rows written, for a statement that writes. */
  readonly rowCount: number | null;
}

/** The settings name no database. */
export class DatabaseSettingsError extends StewardError {
  readonly code = 'E_DATABASE_SETTINGS';
}

export interface LazyPool extends SqlPool {
  /** Closes the connections, after running statements have finished. */
  close(): Promise<void>;
}

export type DatabaseSettings = Pick<
  Settings,
  'DATABASE_URL' | 'DATABASE_POOL_SIZE' | 'DATABASE_CONNECT_TIMEOUT_MS' | 'DATABASE_STATEMENT_TIMEOUT_MS'
>;

/**
 * A pool that loads `pg` and connects at its first statement. A statement that times out loses its connection, and may or
 * may not have been executed. Every statement of the store is safe to repeat.
 */
export function lazyPool(settings: DatabaseSettings, onError: (error: Error) => void = () => {}): LazyPool {
  let pool: Promise<Pool> | undefined;
  const open = async (): Promise<Pool> => {
    if (!settings.DATABASE_URL) {
      throw new DatabaseSettingsError(
        'DATABASE_URL is not set, so there is no database to load from or save to. Set it to a postgres:// URL',
      );
    }
    const { Pool } = await import('pg').catch(missing('pg@8', 'Stores in PostgreSQL'));
    const opened = new Pool({
      connectionString: settings.DATABASE_URL,
      max: settings.DATABASE_POOL_SIZE,
      connectionTimeoutMillis: settings.DATABASE_CONNECT_TIMEOUT_MS,
      query_timeout: settings.DATABASE_STATEMENT_TIMEOUT_MS,
      keepAlive: true,
      allowExitOnIdle: true,
    });
    // Without a listener, a broken idle connection would end the process. The pool opens a new one by itself.
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
