import { defineEntity, type StoredEntity } from '../define-entity';
import { postgresStore, type SqlPool } from '../postgres';

export interface ProductPrice {
  readonly amount: number;
  readonly currency: string;
}

/** A sample that must be fresh: seconds of life, refreshed ahead of their end while somebody reads. */
export const productPrice = (pool: SqlPool): StoredEntity<ProductPrice> =>
  defineEntity<ProductPrice>({
    name: 'product:price',
    ttlSeconds: 15,
    jitter: 0,
    graceSeconds: 5,
    refreshAhead: { fraction: 0.4 },
    store: postgresStore<ProductPrice>({ pool }),
  });
