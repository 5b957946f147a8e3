import type { EntityStore, SaveOutcome, WriteRow } from '../entities/store';
import { isPermanentStoreError, type PermanentStoreError } from '../entities/store-errors';
import { coerceError } from '../errors';

export type RowFate =
  | { readonly fate: 'decided'; readonly outcome: SaveOutcome }
  /** This row alone can never be saved. */
  | { readonly fate: 'refused'; readonly error: PermanentStoreError }
  | { readonly fate: 'later'; readonly error: Error };

/**
 * Saves rows, sorted by key, in one statement; where the store says that some row can never be saved, halves them until
 * that row stands alone and the rest are saved. One fate a row, in the order given. Never throws.
 */
export async function saveRows(store: Pick<EntityStore, 'saveMany'>, rows: readonly WriteRow[]): Promise<RowFate[]> {
  let away: Error | undefined;

  const save = async (part: readonly WriteRow[]): Promise<RowFate[]> => {
    // The store went away while halving: asking again for each part would only make the wait longer.
    if (away) return part.map(() => ({ fate: 'later', error: away as Error }));
    try {
      const outcomes = await store.saveMany(part);
      return part.map((_, at) => ({ fate: 'decided', outcome: outcomes[at] as SaveOutcome }));
    } catch (thrown) {
      if (!isPermanentStoreError(thrown)) {
        away = coerceError(thrown);
        return save(part);
      }
      if (part.length === 1) return [{ fate: 'refused', error: thrown }];
      const middle = Math.ceil(part.length / 2);
      return [...(await save(part.slice(0, middle))), ...(await save(part.slice(middle)))];
    }
  };
  return save(rows);
}
