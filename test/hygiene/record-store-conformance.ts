import type { RecordStore } from '../../src/hygiene/ports';

/** What every store of records must do; run for each adapter. */
export function recordStoreConformance(name: string, open: () => RecordStore): void {
  describe(`${name} as a store of records`, () => {
    let serial = 0;
    const fresh = () => `sessions/shard-${++serial}-sessions~40127.0.0.1~3A1.json`;

    test('answers undefined for what is not there', async () => {
      expect(await open().read(fresh())).toBeUndefined();
    });
    test('gives back what was written, with the ETag of the writing', async () => {
      const [store, key] = [open(), fresh()];
      const value = { text: 'ä\u0000"', list: [1, 2.5], none: null };
      const etag = await store.write(key, value, undefined);
      expect(etag).toBeDefined();
      expect(await store.read(key)).toEqual({ value, etag });
    });
    test('writes over the state that was read, with another ETag', async () => {
      const [store, key] = [open(), fresh()];
      const first = await store.write(key, { n: 1 }, undefined);
      const second = await store.write(key, { n: 2 }, first);
      expect(second).toBeDefined();
      expect(second).not.toBe(first);
      expect((await store.read(key))?.value).toEqual({ n: 2 });
    });
    test('refuses to write over a state that was changed since', async () => {
      const [store, key] = [open(), fresh()];
      const first = await store.write(key, { n: 1 }, undefined);
      await store.write(key, { n: 2 }, first);
      expect(await store.write(key, { n: 3 }, first)).toBeUndefined();
      expect((await store.read(key))?.value).toEqual({ n: 2 });
    });
    test('refuses to make what is there already', async () => {
      const [store, key] = [open(), fresh()];
      await store.write(key, { n: 1 }, undefined);
      expect(await store.write(key, { n: 2 }, undefined)).toBeUndefined();
    });
    test('lets one of many writers through', async () => {
      const [store, key] = [open(), fresh()];
      const etag = await store.write(key, { n: 0 }, undefined);
      const written = await Promise.all([1, 2, 3, 4, 5].map((n) => store.write(key, { n }, etag)));
      expect(written.filter((each) => each !== undefined)).toHaveLength(1);
    });
    test('gives each reader a value of its own', async () => {
      const [store, key] = [open(), fresh()];
      await store.write(key, { list: [1] }, undefined);
      (await store.read<{ list: number[] }>(key))?.value.list.push(2);
      expect((await store.read(key))?.value).toEqual({ list: [1] });
    });
  });
}
