import { AsyncResource } from 'node:async_hooks';
import type { Entity } from '../../entities/define-entity';
import { checkKey } from '../../entities/key';
import { type ResolvedOptions, resolveOptions } from '../call-options';
import type { KeyPolicy, SourcedPolicy } from '../key-policy';
import { createLoadRequest, type LoadRequest } from '../load/load-request';
import { type LoadMany, loaderOfBulkFunction } from '../load/load-source';
import type { BulkLoader, CallOptions } from '../types';
import { EntryRead, type ReadContext, serveCopy } from './entry-read';
import { copyWithoutRedis, mayLoadWithoutRedis } from './redis-unavailable';

/** What a read found. */
type Found =
  | { readonly kind: 'hit'; readonly value: unknown }
  | { readonly kind: 'miss'; readonly unusable: string | undefined; readonly stale: string | undefined }
  | { readonly kind: 'unavailable'; readonly error: unknown };

/** `Cache.getMany`. Misses of one source are loaded by one call. */
export async function getMany<V>(
  context: ReadContext,
  keys: readonly string[],
  source: BulkLoader<V> | Entity<V> | undefined,
  callOptions?: CallOptions,
): Promise<ReadonlyMap<string, V>> {
  const distinct = [...new Set(keys)];
  const isLoader = typeof source === 'function';
  const loader = isLoader ? loaderOfBulkFunction(source) : undefined;
  const entity = isLoader ? undefined : source;
  let previous: SourcedPolicy | undefined;
  const policies = distinct.map((key) => {
    previous = context.keyPolicies.withSource(key, entity, loader, previous);
    return previous;
  });
  const options = optionsOf(policies, callOptions);
  const started = performance.now();
  const found = await findMany(context, distinct, policies, options);
  const results: unknown[] = [];
  const misses = new Map<LoadMany, { readonly request: LoadRequest; readonly index: number }[]>();
  for (const [index, key] of distinct.entries()) {
    const { keyPolicy, loadMany } = policies[index] as SourcedPolicy;
    const one = found[index] as Found;
    if (one.kind === 'hit') {
      results[index] = one.value;
      continue;
    }
    const isUnavailable = one.kind === 'unavailable';
    if (isUnavailable && (loadMany === undefined || !mayLoadWithoutRedis(context))) throw one.error;
    if (loadMany === undefined) continue;
    const known = {
      key,
      keyPolicy,
      options: options[index] as ResolvedOptions,
      loadMany,
      unusable: isUnavailable ? undefined : one.unusable,
      stale: isUnavailable ? undefined : one.stale,
      spentMs: performance.now() - started,
    };
    const request = createLoadRequest(known, callOptions?.tags, context.generations);
    const group = misses.get(loadMany);
    if (group === undefined) misses.set(loadMany, [{ request, index }]);
    else group.push({ request, index });
  }
  await Promise.all(
    [...misses.values()].map(async (group) => {
      const isUnavailable = group.every(({ index }) => found[index]?.kind === 'unavailable');
      const requests = group.map(({ request }) => request);
      const values = await (isUnavailable ? context.misses.withoutRedis(requests) : context.misses.many(requests));
      for (const [at, { index }] of group.entries()) results[index] = values[at];
    }),
  );
  const values = new Map<string, V>();
  for (const [index, key] of distinct.entries()) {
    if (results[index] !== undefined) values.set(key, results[index] as V);
  }
  return values;
}

/** `Cache.has`. */
export async function hasKey(context: ReadContext, key: string): Promise<boolean> {
  const [found] = await findWithoutLoading(context, [key]);
  if (found?.kind === 'unavailable') throw found.error;
  return found?.kind === 'hit';
}

/** `Cache.multiGet`. */
export async function multiGet<V>(
  context: ReadContext,
  keys: readonly string[],
): Promise<{ key: string; value: V | null }[]> {
  const found = await findWithoutLoading(context, keys);
  return keys.map((key, index) => {
    const one = found[index] as Found;
    if (one.kind === 'unavailable') throw one.error;
    return { key, value: one.kind === 'hit' ? ((one.value as V | undefined) ?? null) : null };
  });
}

function findWithoutLoading(context: ReadContext, keys: readonly string[]): Promise<Found[]> {
  const policies = keys.map((key) => {
    checkKey(key);
    return { keyPolicy: context.keyPolicies.of(key), loadMany: undefined };
  });
  return findMany(context, keys, policies, optionsOf(policies, undefined));
}

/** What the local layer and Redis have of each key, in the order of `keys`. */
function findMany(
  context: ReadContext,
  keys: readonly string[],
  policies: readonly SourcedPolicy[],
  options: readonly ResolvedOptions[],
): Promise<Found[]> {
  if (keys.length === 0) return Promise.resolve([]);
  return new Promise((resolve) => {
    const found: Found[] = new Array(keys.length);
    let left = keys.length;
    const scope = new AsyncResource('CacheGetMany');
    const report = (one: Found, index: number) => {
      if (found[index] !== undefined) return;
      found[index] = one;
      left -= 1;
      if (left === 0) resolve(found);
    };
    for (const [index, key] of keys.entries()) {
      const { keyPolicy } = policies[index] as SourcedPolicy;
      const { strict } = options[index] as ResolvedOptions;
      const copy = strict ? undefined : context.local?.get(key);
      const served = copy && serveCopy(context, key, copy);
      if (served !== undefined) report({ kind: 'hit', value: served.value }, index);
      else context.batcher.add(new ManyKeysRead(context, key, keyPolicy, strict, scope, report, index));
    }
  });
}

/** One key of many: reports what it found. */
class ManyKeysRead extends EntryRead {
  constructor(
    context: ReadContext,
    key: string,
    keyPolicy: KeyPolicy,
    strict: boolean,
    scope: AsyncResource,
    private readonly report: (found: Found, index: number) => void,
    private readonly index: number,
  ) {
    super(context, key, keyPolicy, strict, scope);
  }

  protected override hit(value: unknown): void {
    this.report({ kind: 'hit', value }, this.index);
  }

  protected override miss(unusable: string | undefined, stale: string | undefined): void {
    this.report({ kind: 'miss', unusable, stale }, this.index);
  }

  protected override unavailable(error: unknown): void {
    const copy = this.scope.runInAsyncScope(copyWithoutRedis, undefined, this.context, this.key, this.strict);
    this.report(copy === undefined ? { kind: 'unavailable', error } : { kind: 'hit', value: copy.value }, this.index);
  }
}

/** The options of each key. Most batches have one policy, so equal ones are resolved once. */
function optionsOf(policies: readonly SourcedPolicy[], callOptions: CallOptions | undefined): ResolvedOptions[] {
  if (callOptions === undefined) return policies.map(({ keyPolicy }) => keyPolicy.options);
  const resolved = new Map<KeyPolicy, ResolvedOptions>();
  return policies.map(({ keyPolicy }) => {
    const options = resolved.get(keyPolicy) ?? resolveOptions(keyPolicy.options, callOptions);
    resolved.set(keyPolicy, options);
    return options;
  });
}
