import type { Entity, LoadContext } from '../../entities/define-entity';
import type { StoredRow } from '../../entities/entity-store';
import type { Version } from '../../entities/version';
import { NO_VERSION } from '../../entities/version';
import { withTimeout } from '../../timeout';
import { LoadTimeoutError } from '../errors';
import type { BulkLoader, Loader } from '../types';

/** What a source says of a key: a value, or nothing. `version` is the row's, where the source has one. */
export interface Loaded {
  readonly value: unknown;
  readonly version: Version | undefined;
}

const NOTHING: Loaded = { value: undefined, version: undefined };

/** A source in one shape, whatever it was given as. Every key asked for is in the answer. */
export type Loading = (keys: readonly string[], context: LoadContext) => Promise<ReadonlyMap<string, Loaded>>;

export function loadingOf(entity: Entity): Loading | undefined {
  const { store } = entity;
  if (store) return async (keys, { signal }) => fill(keys, await store.loadMany(keys, signal), fromRow, NO_VERSION);
  const { load, loadMany } = entity;
  if (loadMany) return async (keys, context) => fill(keys, await loadMany(keys, context), fromValue);
  return load && oneByOne(load);
}

export const loadingOfLoader = <V>(loader: Loader<V>): Loading => oneByOne(loader);

export const loadingOfBulk =
  <V>(loader: BulkLoader<V>): Loading =>
  async (keys, context) =>
    fill(keys, await loader(keys, context), fromValue);

const fromValue = (value: unknown): Loaded => ({ value, version: undefined });

const fromRow = (row: StoredRow<unknown>): Loaded => ({
  value: row.deleted ? undefined : row.value,
  version: row.version,
});

/** An absent row of a store counts as version 0, older than every write. */
function fill<T>(
  keys: readonly string[],
  found: ReadonlyMap<string, T>,
  convert: (item: T) => Loaded,
  absent?: Version,
): ReadonlyMap<string, Loaded> {
  const nothing = absent === undefined ? NOTHING : { value: undefined, version: absent };
  return new Map(keys.map((key) => [key, found.has(key) ? convert(found.get(key) as T) : nothing]));
}

function oneByOne<V>(load: Loader<V>): Loading {
  return async (keys, context) => {
    const values = await Promise.all(keys.map(async (key) => [key, fromValue(await load(key, context))] as const));
    return new Map(values);
  };
}

/** Runs a load under its hard time-out. Throws what it threw, or `E_LOAD_TIMEOUT`; then its signal is aborted. */
export async function loadWithin(
  loading: Loading,
  keys: readonly string[],
  hardTimeoutMs: number,
): Promise<ReadonlyMap<string, Loaded>> {
  const abort = new AbortController();
  return withTimeout(loading(keys, { signal: abort.signal }), hardTimeoutMs, () => {
    const error = new LoadTimeoutError(`The load took longer than its hard time-out of ${hardTimeoutMs} ms`);
    abort.abort(error);
    return error;
  });
}
