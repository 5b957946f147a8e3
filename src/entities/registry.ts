import { type Entity, EntityError } from './define-entity';
import { entityOf } from './key';

/** The entities of an app, by name. */
export interface Entities {
  /** By its name, such as `user:profile`. */
  get(name: string): Entity | undefined;
  /** The entity of a logical key. */
  of(key: string): Entity | undefined;
  all(): readonly Entity[];
}

/** Throws `E_ENTITY` if two entities have the same name. */
export function entityRegistry(list: readonly Entity[]): Entities {
  const byName = new Map<string, Entity>();
  for (const entity of list) {
    if (byName.has(entity.name))
      throw new EntityError(`Two entities are named ${entity.name}. Give each entity a name of its own`);
    byName.set(entity.name, entity);
  }
  return { get: (name) => byName.get(name), of: (key) => byName.get(entityOf(key)), all: () => list };
}
