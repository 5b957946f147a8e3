import { defineEntity, type StoredEntity } from '../define-entity';
import { postgresStore, type SqlPool } from '../postgres';

export type Product = { readonly name: string; readonly price: number; readonly stock?: number | null };

/** Creates the table, so that the sample runs on an empty database. A real table exists already. */
const MIGRATION = `
create table if not exists products (
  sku text primary key,
  name text,
  price numeric(12, 2) check (price >= 0),
  stock integer,
  row_version bigint,
  removed boolean not null default false
)`;

/** A sample on an existing table: columns instead of a JSON document, with a version and a tombstone column. */
export const productCatalog = (pool: SqlPool): StoredEntity<Product> =>
  defineEntity<Product>({
    name: 'product:catalog',
    ttlSeconds: 3_600,
    graceSeconds: 300,
    refreshAhead: { fraction: 0.8 },
    store: postgresStore<Product>({
      pool,
      table: 'products',
      keyPrefix: 'product:catalog:',
      columns: { key: 'sku', version: 'row_version', deleted: 'removed', updatedAt: null },
      members: {
        name: { column: 'name', type: 'text' },
        price: { column: 'price', type: 'numeric' },
        stock: { column: 'stock', type: 'integer' },
      },
      migration: MIGRATION,
    }),
  });
