import { AsyncResource } from 'node:async_hooks';
import { checkKey } from '../../entities/key';
import { type ResolvedOptions, resolveOptions } from '../call-options';
import { expiresOf } from '../entry/entry-format';
import type { KeyPolicy } from '../key-policy';
import { createLoadRequest } from '../load/load-request';
import { type LoadMany, loaderOfFunction } from '../load/load-source';
import type { CallOptions, Source } from '../types';
import { EntryRead, type ReadContext, serveCopy } from './entry-read';
import { readRaw } from './read-raw';
import { copyWithoutRedis, mayLoadWithoutRedis } from './redis-unavailable';

/** `Cache.get`. */
export function getOne<V>(
  context: ReadContext,
  key: string,
  source: Source<V> | undefined,
  callOptions: CallOptions | undefined,
): Promise<V | undefined> {
  const copy = context.local?.get(key);
  if (copy !== undefined && !(callOptions?.strict ?? copy.keyPolicy.options.strict)) {
    const served = serveCopy(context, key, copy);
    if (served !== undefined) return Promise.resolve(served.value as V | undefined);
  }
  return new Promise((resolve, reject) => {
    const isLoader = typeof source === 'function';
    const { keyPolicy, loadMany } = context.keyPolicies.withSource(
      key,
      isLoader ? undefined : source,
      isLoader ? loaderOfFunction(source) : undefined,
    );
    const options = callOptions === undefined ? keyPolicy.options : resolveOptions(keyPolicy.options, callOptions);
    const settle = resolve as (value: unknown) => void;
    context.batcher.add(new OneKeyRead(context, key, keyPolicy, options, loadMany, callOptions?.tags, settle, reject));
  });
}

/** `Cache.ttl`. */
export async function ttlOf({ batcher, time }: ReadContext, key: string): Promise<number | undefined> {
  checkKey(key);
  const raw = await readRaw(batcher, key);
  return raw === undefined ? undefined : (expiresOf(raw) - time.now()) / 1_000;
}

/** A hit resolves at once. A miss goes on to load the key. */
class OneKeyRead extends EntryRead {
  constructor(
    context: ReadContext,
    key: string,
    keyPolicy: KeyPolicy,
    private readonly options: ResolvedOptions,
    private readonly loadMany: LoadMany | undefined,
    private readonly tags: readonly string[] | undefined,
    private readonly resolve: (value: unknown) => void,
    private readonly reject: (error: unknown) => void,
  ) {
    super(context, key, keyPolicy, options.strict, new AsyncResource('CacheGet'));
  }

  protected override hit(value: unknown): void {
    this.resolve(value);
  }

  protected override miss(unusable: string | undefined, stale: string | undefined): void {
    if (this.loadMany === undefined) this.resolve(undefined);
    else this.scope.runInAsyncScope(this.#load, this, this.loadMany, unusable, stale, true);
  }

  protected override unavailable(error: unknown): void {
    const { context, loadMany } = this;
    this.keyPolicy.counters.deadlineMisses += 1;
    const copy = this.scope.runInAsyncScope(copyWithoutRedis, undefined, context, this.key, this.strict);
    if (copy !== undefined) this.resolve(copy.value);
    else if (loadMany === undefined || !mayLoadWithoutRedis(context)) this.reject(error);
    else this.scope.runInAsyncScope(this.#load, this, loadMany, undefined, undefined, false);
  }

  #load(loadMany: LoadMany, unusable: string | undefined, stale: string | undefined, isAvailable: boolean): void {
    const { context, key, keyPolicy, options } = this;
    const { misses, generations } = context;
    const spentMs = performance.now() - this.sentAt;
    try {
      const known = { key, keyPolicy, options, loadMany, unusable, stale, spentMs };
      const request = createLoadRequest(known, this.tags, generations);
      this.resolve(isAvailable ? misses.one(request) : misses.withoutRedis([request]).then(([value]) => value));
    } catch (error) {
      this.reject(error);
    }
  }
}
