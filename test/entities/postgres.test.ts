import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startPglite } from '../../local/servers';
import { createEntities } from '../../src/entities';
import { defineEntity } from '../../src/entities/define-entity';
import type { EntityStore } from '../../src/entities/entity-store';
import { type LazyPool, lazyPool, postgresStore } from '../../src/entities/postgres';
import { entityStoreConformance } from '../../src/entities/store-conformance';
import { PermanentStoreError, TransientStoreError } from '../../src/entities/store-errors';
import { versionAt } from '../../src/entities/version';

const limits = { DATABASE_POOL_SIZE: 2, DATABASE_CONNECT_TIMEOUT_MS: 5_000, DATABASE_STATEMENT_TIMEOUT_MS: 10_000 };
let pool: LazyPool;
let server: Awaited<ReturnType<typeof startPglite>>;

beforeAll(async () => {
  server = await startPglite();
  pool = lazyPool({ DATABASE_URL: server.url, ...limits });
});
afterAll(async () => {
  await pool.close();
  await server.stop();
});

const row = (key: string, value: string | null, micros = 1) => ({
  key,
  value,
  version: versionAt(1_700_000_000_000_000 + micros, 0),
});

describe('the default table', () => {
  const store = () => postgresStore({ pool });
  for (const { title, run } of entityStoreConformance({
    store,
    entity: 'user:profile',
    value: (n) => ({ n, text: `it's "${n}" \\ ü`, list: [null, true, 1.5] }),
    refused: '"\\u0000"',
  })) {
    it(title, run);
  }

  it.each([
    ['null'],
    ['""'],
    ['0'],
    ['false'],
    ['[]'],
    ['"line\\nbreak \\u2028 😀"'],
    ['{"a":{"b":[1,2,{"c":null}]}}'],
    ['123456789.123456789'],
  ])('keeps the JSON %s', async (text) => {
    const key = `user:json:${encodeURIComponent(text)}`;
    await store().saveMany([row(key, text)]);
    expect((await store().loadMany([key])).get(key)).toMatchObject({ deleted: false, value: JSON.parse(text) });
  });

  it.each([
    ['the character U+0000', '"a\\u0000b"', '22P05'],
    ['a lone surrogate', '"\\ud800"', '22P02'],
    ['a number beyond numeric', '1e400000', '22003'],
  ])('refuses %s for good', async (_, text, reason) => {
    await expect(store().saveMany([row(`user:json:${reason}`, text)])).rejects.toMatchObject({
      code: 'E_STORE_PERMANENT',
      reason,
    });
  });

  it('keeps a key with quotes, backslashes and more', async () => {
    const key = `user:odd:'";\\ drop ü %`;
    await store().saveMany([row(key, '1')]);
    expect((await store().loadMany([key])).get(key)).toMatchObject({ value: 1 });
  });

  it('refuses a key of half a surrogate pair, whose bytes would be those of another', async () => {
    await expect(store().saveMany([row('user:half:\ud800', '1')])).rejects.toMatchObject({ code: 'E_STORE_PERMANENT' });
  });

  it('keeps a value of ten megabytes', async () => {
    const big = JSON.stringify('x'.repeat(10_000_000));
    await store().saveMany([row('user:big:1', big)]);
    expect((await store().loadMany(['user:big:1'])).get('user:big:1')).toMatchObject({ value: JSON.parse(big) });
  });

  it('never quotes a value in an error', async () => {
    const error = await store()
      .saveMany([row('user:leak:1', '{"secret":"hunter2\\u0000"}')])
      .catch((thrown: unknown) => thrown);
    expect(String(error)).not.toContain('hunter2');
    expect((error as Error).cause).toBeUndefined();
  });
});

describe("a user's own table", () => {
  const product = () => createEntities({ pool })[1]?.store as EntityStore;
  for (const { title, run } of entityStoreConformance({
    store: product,
    entity: 'product:catalog',
    value: (n) => ({ name: `Lamp ${n}`, price: n + 0.5, stock: n }),
    refused: '{"name":"Debt","price":-1}',
  })) {
    it(title, run);
  }

  it('has the members in their columns', async () => {
    await product().saveMany([row('product:catalog:desk', '{"name":"Desk","price":12.5,"stock":3}')]);
    const { rows } = await pool.query(`select name, price::text, stock, removed from products where sku = 'desk'`);
    expect(rows).toEqual([{ name: 'Desk', price: '12.50', stock: 3, removed: false }]);
  });

  it('counts a row without a version as older than every write', async () => {
    await pool.query(`insert into products (sku, name, price) values ('old', 'Old', 1)`);
    expect((await product().loadMany(['product:catalog:old'])).get('product:catalog:old')).toMatchObject({
      version: '0'.repeat(19),
    });
    expect(await product().saveMany([row('product:catalog:old', '{"name":"New","price":2}')])).toEqual([
      { saved: true },
    ]);
  });

  it.each([
    ['a wrong type', '{"name":"x","price":"much"}', '22P02'],
    ['a check', '{"name":"x","price":-2}', '23514'],
  ])('refuses %s for good', async (_, text, reason) => {
    await expect(product().saveMany([row('product:catalog:bad', text)])).rejects.toMatchObject({ reason });
  });

  it('keeps its versions with the documented trigger, whoever writes', async () => {
    const docs = readFileSync(join(__dirname, '../../docs/entities.md'), 'utf8');
    const trigger = String(/```sql\n([\s\S]*?)```/.exec(docs)?.[1]).replaceAll('products', 'goods');
    await pool.query('create table goods (sku text primary key, name text)');
    await pool.query(trigger);
    const store = postgresStore({
      ...{ pool, table: 'goods', keyPrefix: 'shop:goods:' },
      columns: { key: 'sku', version: 'row_version', deleted: 'removed', updatedAt: null },
      members: { name: { column: 'name', type: 'text' } },
    });
    const read = async () => (await store.loadMany(['shop:goods:1'])).get('shop:goods:1');
    await store.saveMany([row('shop:goods:1', '{"name":"ours"}')]);
    expect(await read()).toMatchObject({ version: row('', '').version, value: { name: 'ours' } });
    await pool.query(`update goods set name = 'theirs' where sku = '1'`);
    const theirs = await read();
    expect(Number(theirs?.version)).toBeGreaterThan(Number(row('', '').version));
    // What was journalled before their change no longer fits.
    expect(await store.saveMany([row('shop:goods:1', '{"name":"late"}', 2)])).toMatchObject([{ saved: false }]);
    await pool.query(`insert into goods (sku, name) values ('2', 'new')`);
    expect((await store.loadMany(['shop:goods:2'])).get('shop:goods:2')?.version).toMatch(/^[1-9]\d{18}$/);
  });

  it('maps a bigint key', async () => {
    const store = postgresStore({
      pool,
      table: 'orders',
      keyPrefix: 'shop:order:',
      keyType: 'bigint',
      columns: { key: 'id', value: 'body' },
      migration:
        'create table if not exists orders (id bigint primary key, body jsonb, version bigint, deleted boolean, updated_at timestamptz)',
    });
    expect(await store.saveMany([row('shop:order:42', '{"n":1}')])).toEqual([{ saved: true }]);
    expect(await store.saveMany([row('shop:order:42', '{"n":0}', 0)])).toMatchObject([{ saved: false }]);
    expect((await store.loadMany(['shop:order:42', 'shop:order:43'])).get('shop:order:42')).toMatchObject({
      value: { n: 1 },
    });
    await expect(store.saveMany([row('shop:order:abc', '1')])).rejects.toBeInstanceOf(PermanentStoreError);
  });
});

describe('failures', () => {
  it('are transient where the database cannot be reached', async () => {
    const unreachable = lazyPool({ DATABASE_URL: 'postgres://u:p@127.0.0.1:1/x', ...limits });
    await expect(postgresStore({ pool: unreachable }).saveMany([row('a:b:c', '1')])).rejects.toBeInstanceOf(
      TransientStoreError,
    );
    await unreachable.close();
  });

  it('are transient where the schema is not there yet, since a deployment will bring it', async () => {
    const store = postgresStore({ pool, table: 'not_there' });
    await expect(store.saveMany([row('a:b:c', '1')])).rejects.toBeInstanceOf(TransientStoreError);
  });

  it('say so where no database is named', async () => {
    const none = lazyPool({ DATABASE_URL: undefined, ...limits });
    await expect(none.query('select 1')).rejects.toMatchObject({ code: 'E_DATABASE_SETTINGS' });
    await none.close();
  });

  it('leave the pool usable after a failed migration', async () => {
    const store = postgresStore({ pool, table: 'broken', migration: 'create table broken (key nonsense_type)' });
    await expect(store.saveMany([row('a:b:c', '1')])).rejects.toBeInstanceOf(TransientStoreError);
    await expect(Promise.all([1, 2, 3].map(() => pool.query('select 1')))).resolves.toHaveLength(3);
  });
});

it('refuses a type that is not one, since it is pasted into SQL', () => {
  expect(() => postgresStore({ pool, keyType: 'text); drop table x' })).toThrow(/PostgreSQL type/);
  expect(defineEntity({ name: 'a:b', store: postgresStore({ pool }) }).name).toBe('a:b');
});
