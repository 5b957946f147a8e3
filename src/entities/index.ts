import type { Entity } from './define-entity';
import type { SqlPool } from './postgres';
import { productCatalog } from './samples/product-catalog';
import { productPrice } from './samples/product-price';
import { userProfile } from './samples/user-profile';

/** What the entities are built with. */
export interface EntityPorts {
  /** The PostgreSQL of `DATABASE_URL`. Connects at the first statement. */
  readonly pool: SqlPool;
}

/**
 * The entities of this deployment. **Add yours here**: the web app and the jobs both use this list. A team that keeps its
 * entities in another repository calls `registerJobs({ entities })` of `cache-steward/functions` with such a function.
 */
export function createEntities({ pool }: EntityPorts): Entity[] {
  return [userProfile(pool), productCatalog(pool), productPrice(pool)];
}
