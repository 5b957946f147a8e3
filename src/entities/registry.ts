import type { Entity } from './define-entity';
import { EntityError } from './define-entity';
import { entityOf } from './key';

/** The entities of an app by name. Knows nothing of where they came from. */
export interface Entities {
  /** Of the entity's name (`user:profile`). */
  get(name: string): Entity | undefined;
  /** Of a logical key. */
  of(key: string): Entity | undefined;
  all(): readonly Entity[];
}

export function entityRegistry(list: readonly Entity[]): Entities {
  const byName = new Map<string, Entity>();
  for (const entity of list) {
    if (byName.has(entity.name)) throw new EntityError(`Expected one entity of a name, got two named ${entity.name}`);
    byName.set(entity.name, entity);
  }
  return {
    get: (name) => byName.get(name),
    of: (key) => byName.get(entityOf(key)),
    all: () => list,
  };
}
