import type { ReadBatcher } from '../../redis/read-batcher';
import type { Policy } from '../call-options';
import { type Plan, type Plans, prefixEpochs, tagsFor } from '../key-policy';
import type { Ask } from '../load/load-request';
import type { Loading } from '../load/load-source';
import type { Misses } from '../load/misses';
import type { WhenAway } from '../options';
import { Lookup, type LookupContext } from './entry-read';
import type { Found } from './find';

export interface ReadsOptions {
  readonly plans: Plans;
  readonly reader: ReadBatcher;
  readonly misses: Misses;
  readonly lookup: LookupContext;
  readonly whenRedisIsAway: WhenAway;
}

/** Where a missing value comes from, and under which plan. */
export interface Origin {
  readonly plan: Plan;
  readonly loading: Loading | undefined;
}

export function askOf(
  options: ReadsOptions,
  key: string,
  plan: Plan,
  policy: Policy,
  loading: Loading,
  givenTags: readonly string[] | undefined,
  found: Found,
  spentMs: number,
): Ask {
  const tags = tagsFor(plan, key, givenTags);
  const epochs = [...prefixEpochs(plan, key), ...tags.map((tag) => options.lookup.epochs.ofTag(tag))];
  const miss = found.kind === 'miss' ? found : undefined;
  return { key, plan, policy, tags, epochs, loading, unusable: miss?.unusable, stale: miss?.stale, spentMs };
}

/** What the local layer has where Redis had no answer: nothing for strict readers, whose epochs cannot be read. */
export function answerAway(
  { lookup, whenRedisIsAway }: ReadsOptions,
  key: string,
  { strict }: Policy,
  found: Found,
): Found {
  if (found.kind !== 'away' || strict || lookup.local === undefined || whenRedisIsAway === 'fail') return found;
  const copy = lookup.local.getAway(key, whenRedisIsAway === 'stale');
  if (copy === undefined) return found;
  copy.plan.meter.stale += 1;
  return { kind: 'hit', value: copy.value };
}

/** One `get`: a hit resolves it at once, a miss or a Redis that is away takes the longer way. */
export class GetOne extends Lookup {
  constructor(
    private readonly options: ReadsOptions,
    key: string,
    plan: Plan,
    private readonly policy: Policy,
    private readonly loading: Loading | undefined,
    private readonly tags: readonly string[] | undefined,
    private readonly resolve: (value: unknown) => void,
    private readonly reject: (error: unknown) => void,
  ) {
    super(options.lookup, key, plan, policy.strict);
  }

  protected override hit(value: unknown): void {
    this.resolve(value);
  }

  protected override miss(unusable: string | undefined, stale: string | undefined): void {
    this.#load({ kind: 'miss', unusable, stale });
  }

  protected override away(error: unknown): void {
    this.plan.meter.deadlineMisses += 1;
    this.#load({ kind: 'away', error });
  }

  #load(found: Found): void {
    const { key, plan, policy, loading, tags, options } = this;
    if (found.kind === 'away') {
      const answer = answerAway(options, key, policy, found);
      if (answer.kind === 'hit') {
        this.resolve(answer.value);
        return;
      }
      if (loading === undefined || options.whenRedisIsAway !== 'load') {
        this.reject(found.error);
        return;
      }
    }
    if (loading === undefined) {
      this.resolve(undefined);
      return;
    }
    try {
      const ask = askOf(options, key, plan, policy, loading, tags, found, performance.now() - this.sentAt);
      this.resolve(
        found.kind === 'away' ? options.misses.alone([ask]).then(([value]) => value) : options.misses.one(ask),
      );
    } catch (error) {
      this.reject(error);
    }
  }
}
