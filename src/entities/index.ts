import type { Entity } from './define-entity';
import type { SqlPool } from './postgres';
import { productCatalog } from './samples/product-catalog';
import { productPrice } from './samples/product-price';
import { userProfile } from './samples/user-profile';

/** What entities are made of. */
export interface EntityPorts {
  /** PostgreSQL of `DATABASE_URL`; connects at the first statement. */
  readonly pool: SqlPool;
}

/**
 * The entities of this deployment: **add yours here**, and the web app and the jobs both know it. A team that keeps its
 * entities elsewhere calls `registerJobs({ entities })` of `cache-steward/functions` with a function like this one.
 */
export function createEntities({ pool }: EntityPorts): Entity[] {
  return [userProfile(pool), productCatalog(pool), productPrice(pool)];
}
