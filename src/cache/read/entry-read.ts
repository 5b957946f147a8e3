import { encodeKey, physicalOf } from '../../entities/key';
import type { Logger } from '../../logger';
import type { BatchedRead } from '../../redis/cluster-reads';
import { withDeadline } from '../../redis/deadline';
import type { Codec } from '../entry/codec';
import { expiresOf, stampOf } from '../entry/entry-format';
import { epochsOf, inspect } from '../entry/freshness';
import type { Epochs } from '../invalidate/tag-generations';
import { type Plan, prefixEpochs } from '../key-policy';
import type { Local } from '../local/local-layer';
import type { ServerTime } from '../server-time';

export interface LookupContext {
  readonly epochs: Epochs;
  readonly codec: Codec;
  readonly time: ServerTime;
  readonly logger: Logger;
  readonly local: Local | undefined;
  /** What a read may spend on Redis altogether, in ms. */
  readonly deadlineMs: number;
  /** A live entry of an entity that refreshes ahead was read. */
  onRead(key: string, fraction: number, stampMs: number, expiresMs: number): void;
}

/** One key looked up: ends in exactly one of `hit`, `miss` and `away`. A hit makes no promise of its own. */
export abstract class Lookup implements BatchedRead {
  readonly physical: string;
  readonly hashTag: string;
  sentAt = 0;
  settled = false;
  /** What must still hold for the answer to become a local copy. */
  readonly #mark: number;

  constructor(
    protected readonly context: LookupContext,
    readonly key: string,
    readonly plan: Plan,
    private readonly strict: boolean,
  ) {
    this.hashTag = encodeKey(key);
    this.physical = physicalOf(this.hashTag);
    this.#mark = context.local?.mark(key) ?? 0;
  }

  protected abstract hit(value: unknown): void;
  /** `unusable`: the entry that is there all the same; `stale`: the same where its grace lasts. */
  protected abstract miss(unusable: string | undefined, stale: string | undefined): void;
  /** Redis did not answer, or refused. */
  protected abstract away(error: unknown): void;

  failed(error: unknown): void {
    this.away(error);
  }

  /** An entry that can't be read counts as a miss. */
  holdsNoString(at: number): void {
    this.answered('', at);
  }

  answered(raw: string | null, at: number): void {
    if (raw === null) {
      this.plan.meter.misses += 1;
      this.miss(undefined, undefined);
    } else {
      this.#judge(raw, this.strict, at);
    }
  }

  #judge(raw: string, strict: boolean, at: number): void {
    const { plan, key } = this;
    const { epochs, time } = this.context;
    const prefixes = prefixEpochs(plan, key);
    const verdict = inspect(raw, prefixes, epochs, time.at(at), at, strict);
    if (verdict === 'live') {
      this.#serve(raw);
    } else if (verdict === 'unsure') {
      const left = this.context.deadlineMs - (performance.now() - this.sentAt);
      withDeadline(epochs.read(epochsOf(raw, prefixes, epochs)), Math.max(1, left)).then(
        () => this.#judgeOnce(raw),
        (error: unknown) => this.away(error),
      );
    } else {
      plan.meter.misses += 1;
      if (verdict === 'unreadable') this.#unreadable();
      const ours = verdict === 'stale' || verdict === 'killed';
      this.miss(ours ? raw : undefined, verdict === 'stale' ? raw : undefined);
    }
  }

  /** The epochs were just read; that their reading took longer than they are believed changes nothing. */
  #judgeOnce(raw: string): void {
    const { plan, key } = this;
    const { epochs, time } = this.context;
    const verdict = inspect(raw, prefixEpochs(plan, key), epochs, time.now(), undefined, false);
    if (verdict === 'live') {
      this.#serve(raw);
      return;
    }
    plan.meter.misses += 1;
    this.miss(raw, verdict === 'stale' ? raw : undefined);
  }

  #serve(raw: string): void {
    let value: unknown;
    try {
      value = this.context.codec.decode(raw, this.plan.entity);
    } catch {
      this.#corrupted(raw);
      return;
    }
    if (value instanceof Promise) {
      value.then(
        (unpacked) => this.#hit(raw, unpacked),
        () => this.#corrupted(raw),
      );
    } else {
      this.#hit(raw, value);
    }
  }

  #hit(raw: string, value: unknown): void {
    this.plan.meter.hits += 1;
    const { local, epochs } = this.context;
    if (local !== undefined) {
      const since = { mark: this.#mark, ageMs: performance.now() - this.sentAt };
      local.put(this.key, raw, value, this.plan, epochsOf(raw, prefixEpochs(this.plan, this.key), epochs), since);
    }
    const { refreshAt } = this.plan;
    if (refreshAt > 0) this.context.onRead(this.key, refreshAt, stampOf(raw), expiresOf(raw));
    this.hit(value);
  }

  /** An entry of ours whose payload is broken: loaded again, and then replaced. */
  #corrupted(raw: string): void {
    this.plan.meter.misses += 1;
    this.#unreadable();
    this.miss(raw, undefined);
  }

  #unreadable(): void {
    this.plan.meter.foreign += 1;
    this.context.logger.debug({ entity: this.plan.meter.entity }, 'an entry that cannot be read counts as a miss');
  }
}
