import type { AsyncResource } from 'node:async_hooks';
import { encodeKey, physicalOf } from '../../entities/key';
import type { Logger } from '../../logger';
import { withDeadline } from '../../redis/deadline';
import type { BatchedRead } from '../../redis/reads/cluster-reads';
import type { ReadBatcher } from '../../redis/reads/read-batcher';
import type { Codec } from '../entry/codec';
import { createdAtOf, expiresOf } from '../entry/entry-format';
import { generationsOf, judge } from '../entry/freshness';
import type { TagGenerations } from '../invalidate/tag-generations';
import { type KeyPolicies, type KeyPolicy, prefixGenerations } from '../key-policy';
import type { Misses } from '../load/misses';
import type { RefreshTrigger } from '../load/refresh';
import type { Copy, LocalLayer } from '../local/local-layer';
import type { WhenUnavailable } from '../options';
import type { ServerTime } from '../server-time';
import type { LostSettles } from '../write/lost-settles';

/** The parts of the cache that reads use. */
export interface ReadContext {
  readonly batcher: ReadBatcher;
  readonly keyPolicies: KeyPolicies;
  readonly misses: Misses;
  readonly refreshTrigger: RefreshTrigger;
  readonly lostSettles: LostSettles;
  readonly local: LocalLayer | undefined;
  readonly generations: TagGenerations;
  readonly codec: Codec;
  readonly time: ServerTime;
  readonly logger: Logger;
  /** How long a read may wait for Redis in total, in ms. */
  readonly deadlineMs: number;
  readonly whenUnavailable: WhenUnavailable;
}

/**
 * One key that is read from Redis. Ends in exactly one of `hit`, `miss` and `unavailable`, which callbacks of a batch
 * call: a promise per hit would cost too much.
 */
export abstract class EntryRead implements BatchedRead {
  readonly physical: string;
  readonly hashTag: string;
  sentAt = 0;
  settled = false;
  /** The key's changes before the read: after another change the answer must not become a local copy. */
  readonly #changes: number;

  constructor(
    protected readonly context: ReadContext,
    readonly key: string,
    readonly keyPolicy: KeyPolicy,
    protected readonly strict: boolean,
    /**
     * The async context of the call. The answers of a batch arrive in that of its first caller, so what runs code of the
     * app (loader, serializer, tags, refresh-ahead) enters this one. A hit of JSON runs none.
     */
    protected readonly scope: AsyncResource,
  ) {
    this.hashTag = encodeKey(key);
    this.physical = physicalOf(this.hashTag);
    this.#changes = context.local?.changesOf(key) ?? 0;
  }

  protected abstract hit(value: unknown): void;
  /** `unusable`: the entry that is there all the same. `stale`: the same, if it is within its grace. */
  protected abstract miss(unusable: string | undefined, stale: string | undefined): void;
  protected abstract unavailable(error: unknown): void;

  failed(error: unknown): void {
    this.unavailable(error);
  }

  /** A value of another type is not ours, so it counts as a miss like any value that cannot be read. */
  holdsNoString(at: number): void {
    this.answered('', at);
  }

  answered(raw: string | null, at: number): void {
    if (raw === null) {
      this.keyPolicy.counters.misses += 1;
      this.miss(undefined, undefined);
    } else {
      this.#judge(raw, at);
    }
  }

  /** Goes on after a wait. Nobody awaits it, so what it throws is an outcome of the read. */
  #later<T>(waiting: Promise<T>, go: (result: T) => void, failed: (error: unknown) => void): void {
    waiting.then(go, failed).catch((error: unknown) => this.unavailable(error));
  }

  #judge(raw: string, at: number): void {
    const { keyPolicy, key } = this;
    const { generations, time, deadlineMs } = this.context;
    const prefixes = prefixGenerations(keyPolicy, key);
    const verdict = judge(raw, prefixes, generations, time.at(at), at, this.strict);
    if (verdict === 'live') {
      this.#serve(raw);
    } else if (verdict === 'undecided') {
      const left = deadlineMs - (performance.now() - this.sentAt);
      const reading = withDeadline(generations.read(generationsOf(raw, prefixes, generations)), Math.max(1, left));
      this.#later(
        reading,
        () => this.#judgeAgain(raw),
        (error) => this.unavailable(error),
      );
    } else {
      keyPolicy.counters.misses += 1;
      if (verdict === 'unreadable') this.#countUnreadable();
      this.miss(verdict === 'unreadable' ? undefined : raw, verdict === 'stale' ? raw : undefined);
    }
  }

  /** The generations were just read, so they are used even if reading them took longer than they may be cached. */
  #judgeAgain(raw: string): void {
    const { keyPolicy, key } = this;
    const { generations, time } = this.context;
    const verdict = judge(raw, prefixGenerations(keyPolicy, key), generations, time.now(), undefined, false);
    if (verdict === 'live') {
      this.#serve(raw);
      return;
    }
    keyPolicy.counters.misses += 1;
    this.miss(raw, verdict === 'stale' ? raw : undefined);
  }

  #serve(raw: string): void {
    const text = this.context.codec.textOf(raw);
    if (text instanceof Promise) this.#unpack(raw, text);
    else this.#parse(raw, text);
  }

  // Apart from #serve, whose every call would otherwise pay for what these functions capture.
  #unpack(raw: string, text: Promise<string>): void {
    this.#later(
      text,
      (unpacked) => this.#parse(raw, unpacked),
      () => this.#corrupt(raw),
    );
  }

  #parse(raw: string, text: string | undefined): void {
    const { codec } = this.context;
    const { entity } = this.keyPolicy;
    const isJson = codec.isJson(entity);
    let value: unknown;
    try {
      value = isJson ? codec.parse(text, entity) : this.scope.runInAsyncScope(codec.parse, codec, text, entity);
    } catch {
      this.#corrupt(raw);
      return;
    }
    this.#hit(raw, value, isJson ? undefined : text);
  }

  /** `text`: see {@link Copy}. */
  #hit(raw: string, value: unknown, text: string | undefined): void {
    const { key, keyPolicy } = this;
    const { local, generations, refreshTrigger, lostSettles } = this.context;
    keyPolicy.counters.hits += 1;
    if (local !== undefined) {
      const all = generationsOf(raw, prefixGenerations(keyPolicy, key), generations);
      const content = { value: text === undefined ? value : undefined, text };
      local.put(key, raw, content, keyPolicy, all, this.#changes, performance.now() - this.sentAt);
    }
    const { refreshAt } = keyPolicy;
    lostSettles.hit(key, raw);
    if (refreshAt > 0) {
      const { hit } = refreshTrigger;
      this.scope.runInAsyncScope(hit, refreshTrigger, key, refreshAt, createdAtOf(raw), expiresOf(raw));
    }
    this.hit(value);
  }

  /** An entry of ours with a corrupt payload is loaded again, which replaces it. */
  #corrupt(raw: string): void {
    this.keyPolicy.counters.misses += 1;
    this.#countUnreadable();
    this.miss(raw, undefined);
  }

  #countUnreadable(): void {
    const { counters } = this.keyPolicy;
    counters.foreign += 1;
    this.context.logger.debug({ entity: counters.entity }, 'an entry cannot be read: it counts as a miss');
  }
}

/** Counts a hit of a local copy, and returns its content. Undefined if the serializer cannot read it any more. */
export function serveCopy(context: ReadContext, key: string, copy: Copy): Pick<Copy, 'value'> | undefined {
  const { keyPolicy, createdAtMs, expiresMs } = copy;
  const content = contentOf(context, key, copy);
  if (content === undefined) return undefined;
  keyPolicy.counters.hits += 1;
  keyPolicy.counters.localHits += 1;
  if (keyPolicy.refreshAt > 0) context.refreshTrigger.hit(key, keyPolicy.refreshAt, createdAtMs, expiresMs);
  return content;
}

/** The content of a copy. A copy that the serializer cannot read any more is dropped. */
export function contentOf(
  { codec, local }: Pick<ReadContext, 'codec' | 'local'>,
  key: string,
  copy: Copy,
): Pick<Copy, 'value'> | undefined {
  if (copy.text === undefined) return copy;
  try {
    return { value: codec.parse(copy.text, copy.keyPolicy.entity) };
  } catch {
    local?.forget(key);
    return undefined;
  }
}
