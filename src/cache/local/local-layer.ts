import { LRUCache } from 'lru-cache';
import { type Clock, isWithin } from '../../clock';
import { expiresOf, FLAG_DIRTY, flagsOf, stampOf } from '../entry/entry-format';
import { type Epoch, type Epochs, isKilled } from '../invalidate/tag-generations';
import type { Plan } from '../key-policy';
import type { LocalOptions } from '../options';
import type { ServerTime } from '../server-time';

/** A copy of an entry, ready to be handed out: callers share the value, so it is frozen. */
export interface Copy {
  readonly value: unknown;
  readonly plan: Plan;
  readonly stampMs: number;
  readonly expiresMs: number;
  readonly epochs: readonly Epoch[];
  readonly dirty: boolean;
  readonly raw: string;
  /** Local time at which the read was sent that it came from: for `boundMs` it is believed without asking Redis. */
  readonly readAt: number;
  /** Of the connection that brings messages: copies of an earlier one are asked about first. */
  readonly era: number;
}

const DEFAULT_BOUND_MS = 5_000;
/** Readers of keys that share a bucket of this table wait for nothing; they only make no copy. */
const BUCKETS = 4_096;

/**
 * Copies of entries in this process, bounded by their bytes. A copy goes when its key is changed here or a message says
 * so; a missed message is repaired when the copy's bound has passed, since then Redis is asked again.
 */
export class Local {
  readonly #copies: LRUCache<string, Copy>;
  readonly #boundMs: number;
  /** Changes seen, by bucket of keys: a read that was under way during one must not leave a copy. */
  readonly #changes = new Uint32Array(BUCKETS);
  #changesOfAll = 0;
  #era = 0;
  #told = false;

  constructor(
    options: LocalOptions,
    private readonly epochs: Epochs,
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
    if (copy.era !== this.#era || !isWithin(this.#boundMs, copy.readAt, now)) return undefined;
    if (this.time.now() >= copy.expiresMs) return undefined;
    if (copy.epochs.length > 0 && !copy.dirty) {
      if (!this.epochs.areFresh(copy.epochs, now) || isKilled(copy.stampMs, copy.epochs)) return undefined;
    }
    return copy;
  }

  /** While Redis is away: a copy whatever its bound, and past its life where `stale`. What an epoch is known to have killed stays dead. */
  getAway(key: string, stale: boolean): Copy | undefined {
    const copy = this.#copies.get(key);
    if (copy === undefined || (!copy.dirty && isKilled(copy.stampMs, copy.epochs))) return undefined;
    const graceMs = stale ? copy.plan.policy.graceSeconds * 1_000 : 0;
    return this.time.now() < copy.expiresMs + graceMs ? copy : undefined;
  }

  /** What must still hold when the answer of a read that begins now becomes a copy. */
  mark(key: string): number {
    return (this.#changes[bucketOf(key)] as number) + this.#changesOfAll;
  }

  /** `ageMs`: since the read was sent. */
  put(
    key: string,
    raw: string,
    value: unknown,
    plan: Plan,
    epochs: readonly Epoch[],
    { mark, ageMs }: { readonly mark: number; readonly ageMs: number },
  ): void {
    if (!this.#told || this.mark(key) !== mark) return;
    const copy: Copy = {
      value: freeze(value),
      plan,
      stampMs: stampOf(raw),
      expiresMs: expiresOf(raw),
      epochs,
      dirty: (flagsOf(raw) & FLAG_DIRTY) !== 0,
      raw,
      readAt: this.clock.now() - ageMs,
      era: this.#era,
    };
    this.#copies.set(key, copy, { size: raw.length + key.length });
  }

  /**
   * Whether messages arrive. Without them no copies are made, and those there are serve only while Redis is away: a
   * message may have been missed.
   */
  setTold(told: boolean): void {
    this.#told = told;
    if (!told) this.#era += 1;
  }

  /** A key has changed, or all of them may have. */
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

function freeze(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  for (const inner of Object.values(value)) freeze(inner);
  return Object.freeze(value);
}
