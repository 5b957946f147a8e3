import type { EntityStore, SaveOutcome, WriteRow } from '../../entities/entity-store';
import { isPermanentStoreError, type PermanentStoreError } from '../../entities/store-errors';
import { coerceError } from '../../errors';

/**
 * The store's outcome for a row, or an error: a {@link PermanentStoreError} if this row alone can never be saved, any
 * other error if it must be tried again.
 */
export type RowFate = SaveOutcome | Error;

/**
 * Saves rows, sorted by key, in one statement. If the store reports a row that can never be saved, halves the rows until
 * that row is alone and the rest are saved. Returns one fate per row, in the given order. Never throws.
 */
export async function saveRows(
  store: Pick<EntityStore, 'saveMany'>,
  rows: readonly WriteRow[],
): Promise<readonly RowFate[]> {
  let unavailable: Error | undefined;

  const save = async (part: readonly WriteRow[]): Promise<readonly RowFate[]> => {
    // The store became unavailable while halving. A request for each part would only add waiting time.
    if (unavailable) return part.map(() => unavailable as Error);
    try {
      const outcomes = await store.saveMany(part);
      if (outcomes.length === part.length) return outcomes;
      throw new TypeError(`Expected ${part.length} outcomes of a store, got ${outcomes.length}`);
    } catch (thrown) {
      if (!isPermanentStoreError(thrown)) {
        unavailable = coerceError(thrown);
        return save(part);
      }
      if (part.length === 1) return [thrown];
      const middle = Math.ceil(part.length / 2);
      return [...(await save(part.slice(0, middle))), ...(await save(part.slice(middle)))];
    }
  };
  return save(rows);
}
