import type { Entity } from '../../entities/define-entity';
import { checkKey, entityOf } from '../../entities/key';
import { type Policy, policyOf } from '../call-options';
import { expiresOf } from '../entry/entry-format';
import { CacheInputError } from '../errors';
import type { Plan } from '../key-policy';
import type { Ask } from '../load/load-request';
import { type Loading, loadingOfBulk, loadingOfLoader } from '../load/load-source';
import { refreshKeys } from '../load/refresh';
import type { Copy } from '../local/local-layer';
import type { BulkLoader, CallOptions, RefreshOptions, RefreshOutcome, Source } from '../types';
import { Find, type Found } from './find';
import { answerAway, askOf, GetOne, type Origin, type ReadsOptions } from './one-key';
import { Peek } from './peek';

/** What reads a key, and loads it where it must. */
export class Reads {
  constructor(private readonly options: ReadsOptions) {}

  get<V>(key: string, source: Source<V> | undefined, options: CallOptions | undefined): Promise<V | undefined> {
    const { local } = this.options.lookup;
    if (local !== undefined) {
      const copy = local.get(key);
      if (copy !== undefined && !(options?.strict ?? copy.plan.policy.strict)) {
        return Promise.resolve(this.#serveCopy(key, copy) as V | undefined);
      }
    }
    return new Promise((resolve, reject) => {
      const own = typeof source === 'function' ? loadingOfLoader(source) : undefined;
      const { plan, loading } = this.#origin(key, typeof source === 'function' ? undefined : source, own);
      const policy = options === undefined ? plan.policy : policyOf(plan.policy, options);
      this.options.reader.add(
        new GetOne(
          this.options,
          key,
          plan,
          policy,
          loading,
          options?.tags,
          resolve as (value: unknown) => void,
          reject,
        ),
      );
    });
  }

  async getMany<V>(
    keys: readonly string[],
    source: BulkLoader<V> | Entity<V> | undefined,
    options?: CallOptions,
  ): Promise<ReadonlyMap<string, V>> {
    const distinct = [...new Set(keys)];
    const own = typeof source === 'function' ? loadingOfBulk(source) : undefined;
    const entity = typeof source === 'function' ? undefined : source;
    // One object for keys of one plan: a batch of thousands is felt by the garbage collector.
    let last: Origin | undefined;
    const origins = distinct.map((key) => {
      const origin = this.#origin(key, entity, own, last);
      last = origin;
      return origin;
    });
    const policies = policiesOf(origins, options);
    const started = performance.now();
    const found = await this.#find(distinct, origins, policies);
    const values = new Map<string, V>();
    const asks = new Map<Loading, { ask: Ask; index: number }[]>();
    const results: unknown[] = [];
    const alone: Promise<void>[] = [];
    for (const [index, key] of distinct.entries()) {
      const { plan, loading } = origins[index] as Origin;
      const one = answerAway(this.options, key, policies[index] as Policy, found[index] as Found);
      if (one.kind === 'hit') {
        results[index] = one.value;
      } else if (one.kind === 'away' && (loading === undefined || this.options.whenRedisIsAway !== 'load')) {
        throw one.error;
      } else if (loading !== undefined) {
        const ask = askOf(
          this.options,
          key,
          plan,
          policies[index] as Policy,
          loading,
          options?.tags,
          one,
          performance.now() - started,
        );
        const group = asks.get(loading) ?? [];
        if (group.length === 0) asks.set(loading, group);
        group.push({ ask, index });
      }
    }
    for (const group of asks.values()) {
      const redisAway = group.every(({ index }) => found[index]?.kind === 'away');
      const list = group.map(({ ask }) => ask);
      const loaded = redisAway ? this.options.misses.alone(list) : this.options.misses.many(list);
      alone.push(
        loaded.then((loadedValues) => {
          for (const [at, { index }] of group.entries()) results[index] = loadedValues[at];
        }),
      );
    }
    await Promise.all(alone);
    for (const [index, key] of distinct.entries()) {
      if (results[index] !== undefined) values.set(key, results[index] as V);
    }
    return values;
  }

  async has(key: string): Promise<boolean> {
    const [found] = await this.#findPlainly([key]);
    if (found?.kind === 'away') throw found.error;
    return found?.kind === 'hit';
  }

  async multiGet<V>(keys: readonly string[]): Promise<{ key: string; value: V | null }[]> {
    const found = await this.#findPlainly(keys);
    return keys.map((key, index) => {
      const one = found[index] as Found;
      if (one.kind === 'away') throw one.error;
      return { key, value: one.kind === 'hit' ? ((one.value as V | undefined) ?? null) : null };
    });
  }

  async ttl(key: string): Promise<number | undefined> {
    const plan = this.#plan(key);
    const raw = await new Promise<string | undefined>((resolve, reject) => {
      this.options.reader.add(new Peek(this.options.lookup, key, plan, resolve, reject));
    });
    if (raw === undefined) return undefined;
    return (expiresOf(raw) - this.options.lookup.time.now()) / 1_000;
  }

  /** What the refresh job asks for: see {@link refreshKeys}. */
  refresh(keys: readonly string[], options?: RefreshOptions): Promise<readonly RefreshOutcome[]> {
    return refreshKeys(this.options, keys, (key) => this.#origin(key, undefined, undefined), options);
  }

  async #findPlainly(keys: readonly string[]): Promise<Found[]> {
    const plans = keys.map((key) => this.#plan(key));
    const policies = plans.map(({ policy }) => policy);
    const found = await this.#find(
      keys,
      plans.map((plan) => ({ plan, loading: undefined })),
      policies,
    );
    return keys.map((key, index) => answerAway(this.options, key, policies[index] as Policy, found[index] as Found));
  }

  #find(keys: readonly string[], origins: readonly Origin[], policies: readonly Policy[]): Promise<Found[]> {
    if (keys.length === 0) return Promise.resolve([]);
    const { local } = this.options.lookup;
    return new Promise((resolve) => {
      const found: Found[] = new Array(keys.length);
      let left = keys.length;
      const report = (one: Found, index: number) => {
        found[index] = one;
        left -= 1;
        if (left === 0) resolve(found);
      };
      for (const [index, key] of keys.entries()) {
        const { plan } = origins[index] as Origin;
        const strict = policies[index]?.strict ?? false;
        const copy = strict ? undefined : local?.get(key);
        if (copy !== undefined) {
          report({ kind: 'hit', value: this.#serveCopy(key, copy) }, index);
          continue;
        }
        const find = new Find(this.options.lookup, key, plan, strict, report, index);
        this.options.reader.add(find);
      }
    });
  }

  #plan(key: string): Plan {
    checkKey(key);
    return this.options.plans.of(key);
  }

  #serveCopy(key: string, { plan, value, stampMs, expiresMs }: Copy): unknown {
    plan.meter.hits += 1;
    plan.meter.localHits += 1;
    if (plan.refreshAt > 0) this.options.lookup.onRead(key, plan.refreshAt, stampMs, expiresMs);
    return value;
  }

  /** `entity`: brought along by the caller; `own`: the caller's loader. */
  #origin(key: string, entity: Entity | undefined, own: Loading | undefined, last?: Origin): Origin {
    checkKey(key);
    const { plans } = this.options;
    if (entity !== undefined) {
      if (entityOf(key) !== entity.name) {
        throw new CacheInputError(`Expected a key of the entity ${entity.name}, got one of another`);
      }
      const plan = plans.ofEntity(entity);
      return { plan, loading: plan.loading };
    }
    const plan = plans.of(key);
    if (own !== undefined && plan.entity?.store !== undefined) {
      throw new CacheInputError(
        `Expected no loader for ${plan.entity.name}: an entity with a store is loaded from it, with the version of the row`,
      );
    }
    return last?.plan === plan ? last : { plan, loading: own ?? plan.loading };
  }
}

/** Of each origin; most batches are of one plan. */
function policiesOf(origins: readonly Origin[], options: CallOptions | undefined): Policy[] {
  if (options === undefined) return origins.map(({ plan }) => plan.policy);
  const known = new Map<Plan, Policy>();
  return origins.map(({ plan }) => {
    const policy = known.get(plan) ?? policyOf(plan.policy, options);
    known.set(plan, policy);
    return policy;
  });
}
