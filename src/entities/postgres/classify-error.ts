import { coerceError } from '../../errors';
import { PermanentStoreError, TransientStoreError } from '../store-errors';

/**
 * Classes of SQLSTATE that say: this row, as it is, will never be saved. 21 cardinality, 22 data exception (a bad
 * number, U+0000 in jsonb), 23 a constraint, 44 a view's check, 54 a limit (an index row too long), P0 raised by a
 * trigger. Every other class speaks of the server, the connection, a lock or the schema, all of which change under the
 * same rows: a table that a deployment has yet to make must not turn a day's writes into dead letters.
 */
const PERMANENT_CLASSES = new Set(['21', '22', '23', '44', '54', 'P0']);

const SQLSTATE = /^[0-9A-Z]{5}$/;

/** The store's error for what `pg` threw. Neither message nor detail is passed on: both may quote the row's values. */
export function classify(thrown: unknown): TransientStoreError | PermanentStoreError {
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
    `The database could not take the statement for now (${typeof code === 'string' ? code : coerceError(thrown).name})`,
    { cause: thrown },
  );
}

/** The table is not there: a migration may help. */
export const isMissingTable = (thrown: unknown): boolean => (thrown as { code?: unknown } | null)?.code === '42P01';
