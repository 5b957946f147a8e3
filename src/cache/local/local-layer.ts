import { LRUCache } from 'lru-cache';
import { type Clock, isWithin } from '../../clock';
import { createdAtOf, expiresOf, FLAG_DIRTY, flagsOf } from '../entry/entry-format';
import { isInvalidated, type TagGeneration, type TagGenerations } from '../invalidate/tag-generations';
import type { KeyPolicy } from '../key-policy';
import type { LocalOptions } from '../options';
import type { ServerTime } from '../server-time';

/** A copy of an entry. */
export interface Copy {
  /** Decoded JSON. Callers share it, so it is frozen. */
  readonly value: unknown;
  /**
   * The serialized value, if the app has a serializer of its own: its values (buffers, maps, cycles) cannot be frozen, so
   * each caller gets one of its own. Undefined for JSON.
   */
  readonly text: string | undefined;
  readonly keyPolicy: KeyPolicy;
  readonly createdAtMs: number;
  readonly expiresMs: number;
  readonly generations: readonly TagGeneration[];
  readonly dirty: boolean;
  /** Local time when the read that it came from was sent. It is served without asking Redis for `boundMs` from then. */
  readonly readAt: number;
  /** The subscription it was made under. A copy of an earlier one may have missed a message. */
  readonly subscription: number;
}

const DEFAULT_BOUND_MS = 5_000;
/** Keys share this many change counters. A change of another key in the same bucket only prevents a copy. */
const BUCKETS = 4_096;

/**
 * Copies of entries in this process's memory, limited in bytes. A copy is dropped when its key changes here or a
 * message says so. A missed message is repaired when the copy's bound has passed, since Redis is then asked again.
 */
export class LocalLayer {
  readonly #copies: LRUCache<string, Copy>;
  readonly #boundMs: number;
  /** How often keys have changed: a read that was under way during a change must not leave a copy. */
  readonly #changes = new Uint32Array(BUCKETS);
  #changesOfAll = 0;
  #subscription = 0;
  #isListening = false;

  constructor(
    options: LocalOptions,
    private readonly generations: TagGenerations,
    private readonly time: ServerTime,
    private readonly clock: Clock,
  ) {
    this.#copies = new LRUCache({ maxSize: options.maxBytes });
    this.#boundMs = options.boundMs ?? DEFAULT_BOUND_MS;
  }

  /** A copy that may be served without asking Redis. */
  get(key: string): Copy | undefined {
    const copy = this.#copies.get(key);
    if (copy === undefined) return undefined;
    const now = this.clock.now();
    if (copy.subscription !== this.#subscription || !isWithin(this.#boundMs, copy.readAt, now)) return undefined;
    if (this.time.now() >= copy.expiresMs) return undefined;
    if (copy.generations.length > 0 && !copy.dirty) {
      if (!this.generations.areFresh(copy.generations, now)) return undefined;
      if (isInvalidated(copy.createdAtMs, copy.generations)) return undefined;
    }
    return copy;
  }

  /**
   * A copy to serve while Redis is unavailable: its bound does not count, and with `stale` it may be within its grace. A
   * copy that a known generation has invalidated is never served.
   */
  getWithoutRedis(key: string, stale: boolean): Copy | undefined {
    const copy = this.#copies.get(key);
    if (copy === undefined || (!copy.dirty && isInvalidated(copy.createdAtMs, copy.generations))) return undefined;
    const graceMs = stale ? copy.keyPolicy.options.graceSeconds * 1_000 : 0;
    return this.time.now() < copy.expiresMs + graceMs ? copy : undefined;
  }

  /** The key's number of changes. A read takes it before it is sent; `put` checks that it is still the same. */
  changesOf(key: string): number {
    return (this.#changes[bucketOf(key)] as number) + this.#changesOfAll;
  }

  /** `content`: see {@link Copy}. `changes`: {@link changesOf} before the read was sent. `ageMs`: time since then. */
  put(
    key: string,
    raw: string,
    content: Pick<Copy, 'value' | 'text'>,
    keyPolicy: KeyPolicy,
    generations: readonly TagGeneration[],
    changes: number,
    ageMs: number,
  ): void {
    if (!this.#isListening || this.changesOf(key) !== changes) return;
    const copy: Copy = {
      value: frozen(content.value),
      text: content.text,
      keyPolicy,
      createdAtMs: createdAtOf(raw),
      expiresMs: expiresOf(raw),
      generations,
      dirty: (flagsOf(raw) & FLAG_DIRTY) !== 0,
      readAt: this.clock.now() - ageMs,
      subscription: this.#subscription,
    };
    this.#copies.set(key, copy, { size: raw.length + key.length });
  }

  /**
   * Whether the invalidation subscription is up. While it is not, no copies are made, and existing ones are served only
   * while Redis is unavailable, because a message may be missed.
   */
  setListening(isListening: boolean): void {
    this.#isListening = isListening;
    if (!isListening) this.#subscription += 1;
  }

  /** A key has changed; or, without `key`, any key may have. */
  forget(key?: string): void {
    if (key === undefined) {
      this.#changesOfAll += 1;
      this.#copies.clear();
    } else {
      const bucket = bucketOf(key);
      this.#changes[bucket] = (this.#changes[bucket] as number) + 1;
      this.#copies.delete(key);
    }
  }
}

function bucketOf(key: string): number {
  let hash = 0;
  for (let at = 0; at < key.length; at += 1) hash = (Math.imul(hash, 31) + key.charCodeAt(at)) | 0;
  return hash & (BUCKETS - 1);
}

/** The same JSON value, with everything in it frozen. Not recursive, since it may be nested deeper than the stack. */
function frozen(value: unknown): unknown {
  const waiting = [value];
  for (let one = waiting.pop(); one !== undefined; one = waiting.pop()) {
    if (typeof one !== 'object' || one === null) continue;
    Object.freeze(one);
    for (const inner of Object.values(one)) if (typeof inner === 'object') waiting.push(inner);
  }
  return value;
}
