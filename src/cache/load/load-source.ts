import { ignoreRejection, isThenable } from '../../contained';
import type { Entity, LoadContext } from '../../entities/define-entity';
import type { StoredRow } from '../../entities/entity-store';
import { NO_VERSION, type Version } from '../../entities/version';
import { withTimeout } from '../../timeout';
import { CacheInputError, LoadTimeoutError } from '../errors';
import type { BulkLoader, Loader } from '../types';

/** What a source returned for a key: a value, or undefined if it has none. `version` is the row's, if it has one. */
export type Loaded = { readonly value: unknown; readonly version: Version | undefined };

const NOTHING: Loaded = { value: undefined, version: undefined };

/** Any kind of source in one shape. The result has every key that was asked for. */
export type LoadMany = (keys: readonly string[], context: LoadContext) => Promise<ReadonlyMap<string, Loaded>>;

export function loaderOfEntity(entity: Entity): LoadMany | undefined {
  const { store } = entity;
  if (store) return async (keys, { signal }) => fill(keys, await store.loadMany(keys, signal), fromRow, NO_VERSION);
  const { load, loadMany } = entity;
  if (loadMany) return loaderOfBulkFunction(loadMany);
  return load && loaderOfFunction(load);
}

export function loaderOfFunction<V>(load: Loader<V>): LoadMany {
  return async (keys, context) => {
    const values = await Promise.all(keys.map(async (key) => [key, fromValue(await load(key, context))] as const));
    return new Map(values);
  };
}

export const loaderOfBulkFunction =
  <V>(loader: BulkLoader<V>): LoadMany =>
  async (keys, context) =>
    fill(keys, withoutPromises(await loader(keys, context)), fromValue);

/** Throws `E_CACHE_INPUT` if the result of a bulk loader holds promises instead of values. */
function withoutPromises<V>(found: ReadonlyMap<string, V>): ReadonlyMap<string, V> {
  const promises = [...found.values()].filter(isThenable);
  if (promises.length === 0) return found;
  for (const promise of promises) ignoreRejection(promise);
  throw new CacheInputError('Expected a bulk loader to return values, got promises of them. Await them in the loader');
}

const fromValue = (value: unknown): Loaded => ({ value, version: undefined });

const fromRow = (row: StoredRow<unknown>): Loaded => ({
  value: row.deleted ? undefined : row.value,
  version: row.version,
});

/** A row that a store does not have gets version 0, which is older than every write. */
function fill<T>(
  keys: readonly string[],
  found: ReadonlyMap<string, T>,
  convert: (item: T) => Loaded,
  absent?: Version,
): ReadonlyMap<string, Loaded> {
  const nothing = absent === undefined ? NOTHING : { value: undefined, version: absent };
  return new Map(keys.map((key) => [key, found.has(key) ? convert(found.get(key) as T) : nothing]));
}

/** Runs a load. Throws what it throws, or `E_LOAD_TIMEOUT` after the hard time-out, when it also aborts the load's signal. */
export async function loadWithin(
  loadMany: LoadMany,
  keys: readonly string[],
  hardTimeoutMs: number,
): Promise<ReadonlyMap<string, Loaded>> {
  const abort = new AbortController();
  return withTimeout(loadMany(keys, { signal: abort.signal }), hardTimeoutMs, () => {
    const error = new LoadTimeoutError(
      `The source did not answer within the hard time-out of ${hardTimeoutMs} ms. The load was aborted`,
    );
    abort.abort(error);
    return error;
  });
}
