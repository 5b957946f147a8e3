import { defineEntity, type StoredEntity } from '../define-entity';
import { postgresStore, type SqlPool } from '../postgres';

export type ProductPrice = { readonly amount: number; readonly currency: string };

/** A sample that must be fresh: a life of seconds, refreshed ahead of its end while it is read. */
export const productPrice = (pool: SqlPool): StoredEntity<ProductPrice> =>
  defineEntity<ProductPrice>({
    name: 'product:price',
    ttlSeconds: 15,
    jitter: 0,
    graceSeconds: 5,
    refreshAhead: { fraction: 0.4 },
    store: postgresStore<ProductPrice>({ pool }),
  });
