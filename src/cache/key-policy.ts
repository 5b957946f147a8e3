import { ignoreRejection } from '../contained';
import { DEFAULT_REFRESH_FRACTION, type Entity } from '../entities/define-entity';
import { checkKey, encodeKey, entityOf } from '../entities/key';
import type { Entities } from '../entities/registry';
import { DEFAULT_OPTIONS, type ResolvedOptions, resolveOptions } from './call-options';
import { encodeTag, tagsFit } from './entry/entry-format';
import { CacheInputError } from './errors';
import type { TagGeneration, TagGenerations } from './invalidate/tag-generations';
import { type LoadMany, loaderOfEntity } from './load/load-source';
import type { EntityCounters, Telemetry } from './telemetry';
import type { CallOptions } from './types';

/** Everything known about the keys of one entity before they are read, so that a hit needs one lookup. */
export interface KeyPolicy {
  readonly entity: Entity | undefined;
  /** The entity's own source. */
  readonly loadMany: LoadMany | undefined;
  readonly options: ResolvedOptions;
  readonly counters: EntityCounters;
  /** The part of an entry's life after which a read asks for a refresh; 0 never asks. */
  readonly refreshAt: number;
  /** Generations of the prefixes that every key of the entity has. */
  readonly generations: readonly TagGeneration[];
  /** Declared prefixes that only some keys of the entity have. */
  readonly narrower: readonly { readonly prefix: string; readonly generation: TagGeneration }[];
}

/** The policy of a key, and the source that loads its value if it is missing. */
export type SourcedPolicy = { readonly keyPolicy: KeyPolicy; readonly loadMany: LoadMany | undefined };

/** The metric label of keys without a registered entity: the number of their names has no limit. */
const OTHER = 'other';
export const MEMO_PREFIX = 'memo:';

export interface KeyPoliciesOptions {
  readonly entities: Entities;
  readonly generations: TagGenerations;
  readonly telemetry: Telemetry;
  /** Prefixes of logical keys that `invalidatePrefix` accepts. */
  readonly prefixes: readonly string[];
  readonly defaults: CallOptions;
}

/** The key policies of a cache, by entity. */
export class KeyPolicies {
  readonly #byName = new Map<string, KeyPolicy>();
  readonly #other: KeyPolicy;
  readonly #base: ResolvedOptions;
  /** Of the previous key. The next key often has the same entity, and then needs no lookup. */
  #last: { readonly prefix: string; readonly keyPolicy: KeyPolicy } | undefined;

  constructor(private readonly options: KeyPoliciesOptions) {
    for (const prefix of options.prefixes) checkPrefix(prefix);
    this.#base = resolveOptions(DEFAULT_OPTIONS, options.defaults);
    this.#other = this.#create(OTHER, '');
    for (const entity of options.entities.all()) this.#add(entity.name, entity);
  }

  /** Of a key. Throws `E_KEY` if the key has no namespace and entity. */
  of(key: string): KeyPolicy {
    if (this.#last !== undefined && key.startsWith(this.#last.prefix)) return this.#last.keyPolicy;
    const name = entityOf(key);
    const keyPolicy = this.#byName.get(name) ?? this.#other;
    this.#last = { prefix: `${name}:`, keyPolicy };
    return keyPolicy;
  }

  /**
   * Of a key and its source: `entity` if the caller passed one, else `loader`, the caller's own, else the registered
   * entity. `previous` is returned again if it fits, since a batch of thousands of new objects costs garbage collection.
   * Throws `E_KEY` or `E_CACHE_INPUT`.
   */
  withSource(
    key: string,
    entity: Entity | undefined,
    loader: LoadMany | undefined,
    previous?: SourcedPolicy,
  ): SourcedPolicy {
    checkKey(key);
    if (entity !== undefined) {
      if (entityOf(key) !== entity.name) {
        throw new CacheInputError(`Expected a key of the entity ${entity.name}, got one of another`);
      }
      const keyPolicy = this.#ofEntity(entity);
      return { keyPolicy, loadMany: keyPolicy.loadMany };
    }
    const keyPolicy = this.of(key);
    if (loader !== undefined && keyPolicy.entity?.store !== undefined) {
      throw new CacheInputError(
        `${keyPolicy.entity.name} has a store, so its values are loaded from there with the version of their row. Call get without a loader`,
      );
    }
    return previous?.keyPolicy === keyPolicy ? previous : { keyPolicy, loadMany: loader ?? keyPolicy.loadMany };
  }

  /** Of an entity that a caller passed. The first call registers it. Throws `E_CACHE_INPUT`. */
  #ofEntity(entity: Entity): KeyPolicy {
    const known = this.#byName.get(entity.name);
    if (known === undefined) return this.#add(entity.name, entity);
    if (known.entity === entity) return known;
    const message = `Another entity named ${entity.name} is registered. Define each entity once and pass that object`;
    throw new CacheInputError(message);
  }

  /** Registers a memoized function by its name. Throws `E_CACHE_INPUT` if the name is taken. */
  addMemo(name: string, options: CallOptions): void {
    const full = `${MEMO_PREFIX}${name}`;
    if (this.#byName.has(full)) {
      throw new CacheInputError(`A function named ${name} is memoized already. Give each one a name of its own`);
    }
    this.#add(full, undefined, options);
  }

  /** Whether the key's entity has a store. A scan may also find a key that is invalid. */
  isStored(key: string): boolean {
    return this.#byName.get(key.split(':', 2).join(':'))?.entity?.store !== undefined;
  }

  /** The generation that `invalidatePrefix` advances; undefined if the prefix is neither declared nor an entity's. */
  generationOfPrefix(prefix: string): TagGeneration | undefined {
    const name = prefix.endsWith(':') ? prefix.slice(0, -1) : prefix;
    if (this.#byName.has(name)) return this.options.generations.ofPrefix(encodeKey(`${name}:`));
    return this.options.prefixes.includes(prefix) ? this.options.generations.ofPrefix(encodeKey(prefix)) : undefined;
  }

  #add(name: string, entity?: Entity, options?: CallOptions): KeyPolicy {
    const keyPolicy = this.#create(name, `${name}:`, entity, options);
    this.#byName.set(name, keyPolicy);
    this.#last = undefined;
    return keyPolicy;
  }

  /** `own`: the prefix of all keys of the policy; '' if they have none in common. */
  #create(label: string, own: string, entity?: Entity, options: CallOptions = {}): KeyPolicy {
    const { generations, prefixes, telemetry } = this.options;
    const others = prefixes.filter((prefix) => prefix !== own);
    const common = [own, ...others.filter((prefix) => own.startsWith(prefix))].filter((prefix) => prefix !== '');
    const narrower = others.filter((prefix) => prefix.startsWith(own));
    return {
      entity,
      loadMany: entity && loaderOfEntity(entity),
      options: resolveOptions(this.#base, entity ?? options),
      counters: telemetry.of(label),
      refreshAt: entity?.refreshAhead ? (entity.refreshAhead.fraction ?? DEFAULT_REFRESH_FRACTION) : 0,
      generations: common.map((prefix) => generations.ofPrefix(encodeKey(prefix))),
      narrower: narrower.map((prefix) => ({ prefix, generation: generations.ofPrefix(encodeKey(prefix)) })),
    };
  }
}

function checkPrefix(prefix: string): void {
  if (prefix === '' || /[*?[\]\\]/.test(prefix)) {
    const message = `Expected a declared prefix to be the plain beginning of a key, got ${JSON.stringify(prefix)}`;
    throw new CacheInputError(message);
  }
}

/** Generations of all prefixes of a key. */
export function prefixGenerations(keyPolicy: KeyPolicy, key: string): readonly TagGeneration[] {
  if (keyPolicy.narrower.length === 0) return keyPolicy.generations;
  const more = keyPolicy.narrower.filter(({ prefix }) => key.startsWith(prefix));
  if (more.length === 0) return keyPolicy.generations;
  return [...keyPolicy.generations, ...more.map(({ generation }) => generation)];
}

/** The encoded tags of a new entry: those of its entity and those of the call. Throws `E_CACHE_INPUT`. */
export function tagsFor(keyPolicy: KeyPolicy, key: string, given: readonly string[] | undefined): readonly string[] {
  const own = keyPolicy.entity?.tags?.(key);
  if (own === undefined && given === undefined) return [];
  for (const list of [own, given]) {
    if (list === undefined || Array.isArray(list)) continue;
    ignoreRejection(list);
    throw new CacheInputError(`Expected tags to be a list of texts, got ${typeof list}`);
  }
  const tags = [...new Set([...(own ?? []), ...(given ?? [])])];
  for (const tag of tags) checkTag(tag);
  const encoded = tags.map(encodeTag);
  if (!tagsFit(encoded)) {
    throw new CacheInputError(
      `The ${tags.length} tags of the entry are longer than 9,999 characters together. Use fewer or shorter ones`,
    );
  }
  return encoded;
}

/** Throws `E_CACHE_INPUT`. */
export function checkTag(tag: string): void {
  if (typeof tag !== 'string' || tag === '' || tag.length > 256) {
    throw new CacheInputError('Expected a tag to be a text of 1 to 256 characters');
  }
}
