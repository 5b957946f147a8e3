import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { EntityStore, WriteRow } from './entity-store';
import { isPermanentStoreError } from './store-errors';
import { NO_VERSION, type Version, versionAt } from './version';

export interface StoreConformanceOptions {
  /** Returns a working store. Called once per case. Cases leave their rows behind, each under keys of its own. */
  readonly store: () => EntityStore | Promise<EntityStore>;
  /** `namespace:entity` the keys begin with. */
  readonly entity: string;
  /** Returns a value that the store takes, different for each `n`. It must be loaded deep-equal. */
  readonly value: (n: number) => unknown;
  /** JSON text that the store refuses permanently, if there is any. Default: that case is left out. */
  readonly refused?: string;
}

export interface ConformanceCase {
  readonly title: string;
  run(): Promise<void>;
}

/**
 * The tests of a store, as cases for any test runner. Write-behind neither loses nor reorders writes in a store that passes
 * them.
 *
 * @example
 * for (const { title, run } of entityStoreConformance({ store, entity: 'shop:order', value: (n) => ({ n }) })) it(title, run);
 */
export function entityStoreConformance(options: StoreConformanceOptions): readonly ConformanceCase[] {
  const { entity, value, refused } = options;
  const key = () => `${entity}:${randomUUID()}`;
  const at = (micros: number, writer = 0): Version => versionAt(1_700_000_000_000_000 + micros, writer);
  const put = (of: string, version: Version, n: number): WriteRow => ({
    key: of,
    version,
    value: JSON.stringify(value(n)),
  });
  const saved = { saved: true } as const;

  const cases: Record<string, (store: EntityStore) => Promise<void>> = {
    'a row that was never saved is absent': async (store) => {
      assert.equal((await store.loadMany([key()])).size, 0);
    },
    'no keys and no rows are no work': async (store) => {
      assert.equal((await store.loadMany([])).size, 0);
      assert.deepEqual(await store.saveMany([]), []);
    },
    'rows come back with their values and versions': async (store) => {
      const [a, b] = [key(), key()];
      assert.deepEqual(await store.saveMany([put(a, at(1), 1), put(b, at(2, 7), 2)]), [saved, saved]);
      const found = await store.loadMany([a, key(), b]);
      assert.deepEqual(found.get(a), { deleted: false, value: value(1), version: at(1) });
      assert.deepEqual(found.get(b), { deleted: false, value: value(2), version: at(2, 7) });
      assert.equal(found.size, 2);
    },
    'a newer version replaces, an older one is refused with the version that stands': async (store) => {
      const a = key();
      await store.saveMany([put(a, at(5), 1)]);
      assert.deepEqual(await store.saveMany([put(a, at(6), 2)]), [saved]);
      assert.deepEqual(await store.saveMany([put(a, at(4), 3)]), [{ saved: false, storedVersion: at(6) }]);
      assert.deepEqual((await store.loadMany([a])).get(a), { deleted: false, value: value(2), version: at(6) });
    },
    'a repeat changes nothing and is answered with its own version': async (store) => {
      const a = key();
      await store.saveMany([put(a, at(5), 1)]);
      assert.deepEqual(await store.saveMany([put(a, at(5), 1)]), [{ saved: false, storedVersion: at(5) }]);
    },
    'the writer breaks the tie of one microsecond': async (store) => {
      const a = key();
      await store.saveMany([put(a, at(5, 2), 1)]);
      assert.deepEqual(await store.saveMany([put(a, at(5, 1), 2)]), [{ saved: false, storedVersion: at(5, 2) }]);
      assert.deepEqual(await store.saveMany([put(a, at(5, 3), 3)]), [saved]);
    },
    'a delete leaves a tombstone that keeps its version': async (store) => {
      const a = key();
      await store.saveMany([put(a, at(5), 1)]);
      assert.deepEqual(await store.saveMany([{ key: a, version: at(6), value: null }]), [saved]);
      assert.deepEqual((await store.loadMany([a])).get(a), { deleted: true, version: at(6) });
      assert.deepEqual(await store.saveMany([put(a, at(5, 9), 2)]), [{ saved: false, storedVersion: at(6) }]);
      assert.deepEqual(await store.saveMany([put(a, at(7), 3)]), [saved]);
      assert.deepEqual((await store.loadMany([a])).get(a), { deleted: false, value: value(3), version: at(7) });
    },
    'a delete of a row that was never there is remembered': async (store) => {
      const a = key();
      assert.deepEqual(await store.saveMany([{ key: a, version: at(6), value: null }]), [saved]);
      assert.deepEqual(await store.saveMany([put(a, at(5), 1)]), [{ saved: false, storedVersion: at(6) }]);
    },
    'outcomes stand in the order of the rows': async (store) => {
      const keys = Array.from({ length: 20 }, key);
      await store.saveMany(keys.filter((_, i) => i % 2 === 0).map((k) => put(k, at(9), 0)));
      const outcomes = await store.saveMany(keys.map((k, i) => put(k, at(8), i)));
      assert.deepEqual(
        outcomes,
        keys.map((_, i) => (i % 2 === 0 ? { saved: false, storedVersion: at(9) } : saved)),
      );
    },
    'versions of the least and the greatest are kept to the digit': async (store) => {
      const [a, b] = [key(), key()];
      const greatest = '9223372036854775807' as Version;
      const least = NO_VERSION.replace(/0$/, '1') as Version;
      assert.deepEqual(await store.saveMany([put(a, greatest, 1), put(b, least, 2)]), [saved, saved]);
      const found = await store.loadMany([a, b]);
      assert.deepEqual([found.get(a)?.version, found.get(b)?.version], [greatest, least]);
    },
    'of writers at once the newest stays, whatever the order': async (store) => {
      const keys = Array.from({ length: 10 }, key).sort();
      const batches = [3, 1, 4, 2, 5].map((n) => store.saveMany(keys.map((k) => put(k, at(n), n))));
      await Promise.all(batches);
      const found = await store.loadMany(keys);
      for (const k of keys) assert.deepEqual(found.get(k), { deleted: false, value: value(5), version: at(5) });
    },
    'text that is no JSON is refused for good, and brings no row in': async (store) => {
      const [a, b] = [key(), key()];
      for (const text of ['', '{', '1,2', `1},{"k":"${b}","v":1,"j":1`, `","${b}`]) {
        await assert.rejects(store.saveMany([{ key: a, version: at(1), value: text }]), isPermanentStoreError);
      }
      assert.equal((await store.loadMany([a, b])).size, 0);
    },
    'a migration may be repeated': async (store) => {
      await Promise.all([store.migrate(), store.migrate()]);
    },
  };
  if (refused !== undefined) {
    cases['a row that can never be saved is a permanent failure, and nothing of its call is saved'] = async (store) => {
      const [good, bad] = [key(), key()];
      await assert.rejects(
        store.saveMany([put(good, at(1), 1), { key: bad, version: at(1), value: refused }]),
        isPermanentStoreError,
      );
      assert.equal((await store.loadMany([good, bad])).size, 0);
    };
  }
  return Object.entries(cases).map(([title, run]) => ({ title, run: async () => run(await options.store()) }));
}
