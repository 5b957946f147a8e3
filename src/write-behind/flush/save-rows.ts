import type { EntityStore, SaveOutcome, WriteRow } from '../../entities/entity-store';
import { isPermanentStoreError, type PermanentStoreError } from '../../entities/store-errors';
import { coerceError } from '../../errors';

/**
 * What the store decided of a row, or why it did not: a {@link PermanentStoreError} where this row alone can never be
 * saved, any other error where it is to be tried again.
 */
export type RowFate = SaveOutcome | Error;

/**
 * Saves rows, sorted by key, in one statement; where the store says that some row can never be saved, halves them until
 * that row stands alone and the rest are saved. One fate a row, in the order given. Never throws.
 */
export async function saveRows(
  store: Pick<EntityStore, 'saveMany'>,
  rows: readonly WriteRow[],
): Promise<readonly RowFate[]> {
  let away: Error | undefined;

  const save = async (part: readonly WriteRow[]): Promise<readonly RowFate[]> => {
    // The store went away while halving: asking again for each part would only make the wait longer.
    if (away) return part.map(() => away as Error);
    try {
      const outcomes = await store.saveMany(part);
      if (outcomes.length === part.length) return outcomes;
      throw new TypeError(`Expected ${part.length} outcomes of a store, got ${outcomes.length}`);
    } catch (thrown) {
      if (!isPermanentStoreError(thrown)) {
        away = coerceError(thrown);
        return save(part);
      }
      if (part.length === 1) return [thrown];
      const middle = Math.ceil(part.length / 2);
      return [...(await save(part.slice(0, middle))), ...(await save(part.slice(middle)))];
    }
  };
  return save(rows);
}
