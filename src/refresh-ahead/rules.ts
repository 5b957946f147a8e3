import { SECOND } from '../clock';
import type { Entity } from '../entities/define-entity';

/** How entries of an entity are refreshed, the defaults filled in. */
export interface RefreshRules {
  readonly entity: Entity;
  /** Part of a life after which a refresh is due. */
  readonly fraction: number;
  readonly concurrency: number;
  readonly maxLifetimeMs: number;
  readonly ttlMs: number;
}

/** Undefined where the entity is not refreshed ahead, or can't be loaded by its key alone. */
export function refreshRules(entity: Entity | undefined): RefreshRules | undefined {
  if (!entity?.refreshAhead) return undefined;
  if (!entity.store && !entity.load && !entity.loadMany) return undefined;
  const { fraction = 0.8, concurrency = 8, maxLifetimeSeconds = 86_400 } = entity.refreshAhead;
  return {
    ...{ entity, fraction, concurrency },
    maxLifetimeMs: maxLifetimeSeconds * SECOND,
    ttlMs: (entity.ttlSeconds ?? 3_600) * SECOND,
  };
}
