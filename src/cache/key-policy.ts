import type { Entity } from '../entities/define-entity';
import { encodeKey, entityOf } from '../entities/key';
import type { Entities } from '../entities/registry';
import { DEFAULT_POLICY, type Policy, policyOf } from './call-options';
import { encodeTag, tagsFit } from './entry/entry-format';
import { CacheInputError } from './errors';
import type { Epoch, Epochs } from './invalidate/tag-generations';
import { type Loading, loadingOf } from './load/load-source';
import type { Meter, Telemetry } from './telemetry';
import type { CallOptions } from './types';

/** All that is known beforehand of the keys of one entity, so that a hit looks up one thing. */
export interface Plan {
  readonly entity: Entity | undefined;
  /** The entity's own source. */
  readonly loading: Loading | undefined;
  readonly policy: Policy;
  readonly meter: Meter;
  /** Part of an entry's life after which a read asks for a refresh; 0 never asks. */
  readonly refreshAt: number;
  /** Epochs of the prefixes that every key of the entity has. */
  readonly epochs: readonly Epoch[];
  /** Declared prefixes that only some keys of the entity have. */
  readonly narrower: readonly { readonly prefix: string; readonly epoch: Epoch }[];
}

/** Metrics' label of keys whose entity nobody registered: their names are not bounded. */
const OTHER = 'other';
const DEFAULT_FRACTION = 0.8;
export const MEMO_PREFIX = 'memo:';

export interface PlansOptions {
  readonly entities: Entities;
  readonly epochs: Epochs;
  readonly telemetry: Telemetry;
  /** Prefixes of logical keys that can be invalidated at once. */
  readonly prefixes: readonly string[];
  readonly defaults: CallOptions;
}

export class Plans {
  readonly #plans = new Map<string, Plan>();
  readonly #other: Plan;
  readonly #base: Policy;
  /** Of the key asked for last: the next is often of the same entity, and then nothing is cut out and looked up. */
  #last: { readonly prefix: string; readonly plan: Plan } | undefined;

  constructor(private readonly options: PlansOptions) {
    for (const prefix of options.prefixes) checkPrefix(prefix);
    this.#base = policyOf(DEFAULT_POLICY, options.defaults);
    this.#other = {
      entity: undefined,
      loading: undefined,
      policy: this.#base,
      meter: options.telemetry.meter(OTHER),
      refreshAt: 0,
      epochs: [],
      narrower: options.prefixes.map((prefix) => this.#declared(prefix)),
    };
    for (const entity of options.entities.all()) this.#add(entity.name, entity);
  }

  /** Of a key; throws `E_KEY` where the key breaks the convention. */
  of(key: string): Plan {
    if (this.#last !== undefined && key.startsWith(this.#last.prefix)) return this.#last.plan;
    const name = entityOf(key);
    const plan = this.#plans.get(name) ?? this.#other;
    this.#last = { prefix: `${name}:`, plan };
    return plan;
  }

  /** Of an entity that a caller brings along. It is registered by its first use. */
  ofEntity(entity: Entity): Plan {
    const known = this.#plans.get(entity.name);
    if (known === undefined) return this.#add(entity.name, entity);
    if (known.entity === entity) return known;
    throw new CacheInputError(`Expected one entity named ${entity.name}, got another one than the registered`);
  }

  /** Gives the results of a memoized function a name of their own; throws where it is taken. */
  addMemo(name: string, options: CallOptions): Plan {
    const full = `${MEMO_PREFIX}${name}`;
    if (this.#plans.has(full)) {
      throw new CacheInputError(`Expected a name of its own for each memoized function, got ${name} twice`);
    }
    return this.#add(full, undefined, options);
  }

  /** The epoch behind `invalidatePrefix`, undefined where the prefix is neither declared nor an entity. */
  epochOfPrefix(prefix: string): Epoch | undefined {
    const name = prefix.endsWith(':') ? prefix.slice(0, -1) : prefix;
    if (this.#plans.has(name)) return this.options.epochs.ofPrefix(encodeKey(`${name}:`));
    return this.options.prefixes.includes(prefix) ? this.options.epochs.ofPrefix(encodeKey(prefix)) : undefined;
  }

  #add(name: string, entity: Entity | undefined, options: CallOptions = {}): Plan {
    const own = `${name}:`;
    const { epochs, prefixes, telemetry } = this.options;
    const wider = prefixes.filter((prefix) => own.startsWith(prefix) && prefix !== own);
    const narrower = prefixes.filter((prefix) => prefix.startsWith(own) && prefix !== own);
    const plan: Plan = {
      entity,
      loading: entity && loadingOf(entity),
      policy: policyOf(this.#base, entity ?? options),
      meter: telemetry.meter(name),
      refreshAt: entity?.refreshAhead ? (entity.refreshAhead.fraction ?? DEFAULT_FRACTION) : 0,
      epochs: [own, ...wider].map((prefix) => epochs.ofPrefix(encodeKey(prefix))),
      narrower: narrower.map((prefix) => this.#declared(prefix)),
    };
    this.#plans.set(name, plan);
    this.#last = undefined;
    return plan;
  }

  #declared(prefix: string) {
    return { prefix, epoch: this.options.epochs.ofPrefix(encodeKey(prefix)) };
  }
}

function checkPrefix(prefix: string): void {
  if (prefix === '' || /[*?[\]\\]/.test(prefix)) {
    throw new CacheInputError(
      `Expected a declared prefix to be the plain beginning of a key, got ${JSON.stringify(prefix)}`,
    );
  }
}

/** Epochs of the prefixes of a key. */
export function prefixEpochs(plan: Plan, key: string): readonly Epoch[] {
  if (plan.narrower.length === 0) return plan.epochs;
  const more = plan.narrower.filter(({ prefix }) => key.startsWith(prefix));
  return more.length === 0 ? plan.epochs : [...plan.epochs, ...more.map(({ epoch }) => epoch)];
}

/** Encoded tags that an entry of the key gets: the entity's and the call's. Throws `E_CACHE_INPUT`. */
export function tagsFor(plan: Plan, key: string, given: readonly string[] | undefined): readonly string[] {
  const own = plan.entity?.tags?.(key);
  if (own === undefined && given === undefined) return [];
  const tags = [...new Set([...(own ?? []), ...(given ?? [])])];
  for (const tag of tags) checkTag(tag);
  const encoded = tags.map(encodeTag);
  if (!tagsFit(encoded)) {
    throw new CacheInputError(`Expected the tags of an entry to fit into 9,999 characters, got ${tags.length} tags`);
  }
  return encoded;
}

export function checkTag(tag: string): void {
  if (typeof tag !== 'string' || tag === '' || tag.length > 256) {
    throw new CacheInputError('Expected a tag to be a text of 1 to 256 characters');
  }
}
