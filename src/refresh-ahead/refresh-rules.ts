import { DEFAULT_OPTIONS } from '../cache/call-options';
import { SECOND } from '../clock';
import type { Entity } from '../entities/define-entity';

/** How entries of an entity are refreshed, with the defaults filled in. */
export interface RefreshRules {
  readonly entity: Entity;
  /** True if one call loads many keys. */
  readonly isBulk: boolean;
  readonly concurrency: number;
  readonly maxLifetimeMs: number;
  readonly ttlMs: number;
  /** No load takes longer. */
  readonly hardTimeoutMs: number;
}

/** Undefined if the entity is not refreshed ahead, or if its key alone is not enough to load it. */
export function refreshRules(entity: Entity | undefined): RefreshRules | undefined {
  if (!entity?.refreshAhead) return undefined;
  if (!entity.store && !entity.load && !entity.loadMany) return undefined;
  const { concurrency = 8, maxLifetimeSeconds = 86_400 } = entity.refreshAhead;
  const { ttlSeconds = DEFAULT_OPTIONS.ttlSeconds, hardTimeoutMs = DEFAULT_OPTIONS.hardTimeoutMs } = entity;
  return {
    entity,
    concurrency,
    hardTimeoutMs,
    isBulk: entity.store !== undefined || entity.loadMany !== undefined,
    maxLifetimeMs: maxLifetimeSeconds * SECOND,
    ttlMs: ttlSeconds * SECOND,
  };
}
