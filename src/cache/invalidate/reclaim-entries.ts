import type { Clock } from '../../clock';
import { logicalKey, physicalKey } from '../../entities/key';
import type { Entities } from '../../entities/registry';
import { isWrongType } from '../../redis/errors';
import type { RedisHandle } from '../../redis/types';
import { reclaimScript } from '../entry/cache-scripts';
import { classify, FLAG_DIRTY, flagsOf, HEADER_LENGTH, headerOf, stampOf, tagsLengthOf } from '../entry/entry-format';
import { epochsOf } from '../entry/freshness';
import { Plans, prefixEpochs } from '../key-policy';
import { Telemetry } from '../telemetry';
import { Epochs, isKilled } from './tag-generations';

export interface ReclaimerOptions {
  readonly redis: RedisHandle;
  readonly entities: Entities;
  readonly clock: Clock;
  /** The declared prefixes of the app, as its caches have them. */
  readonly prefixes: readonly string[];
}

export interface Reclaimed {
  /** Entries of ours among the keys. */
  readonly entries: number;
  /** Of them, those that an epoch has killed. */
  readonly dead: number;
  /** Of them, those that were unlinked: the rest were written again meanwhile, or only looked at. */
  readonly unlinked: number;
}

export interface Reclaimer {
  /** Frees the memory of entries that an invalidation has killed. `physical`: keys of a SCAN page, companions and all. */
  reclaim(physical: readonly string[], options: { readonly dryRun: boolean }): Promise<Reclaimed>;
}

/** Enough for the header and a few tags; an entry with more of them is read once again. */
const LOOK_BYTES = 512;
/** Epochs are believed for this long within a pass, in ms. */
const EPOCH_CACHE_MS = 5_000;

/** For hygiene: invalidating a tag or prefix is O(1), what it killed is unlinked by and by. */
export function createReclaimer(options: ReclaimerOptions): Reclaimer {
  const { redis, entities, clock, prefixes } = options;
  const get = (key: string) => redis.within(redis.client('cache').get(key));
  const epochs = new Epochs({ redis, get, clock, cacheMs: EPOCH_CACHE_MS, skewMarginMs: 0 });
  const plans = new Plans({ entities, epochs, telemetry: new Telemetry(undefined), prefixes, defaults: {} });

  async function look(key: string): Promise<string | undefined> {
    const client = redis.client('cache');
    try {
      const raw = await client.getrange(key, 0, LOOK_BYTES - 1);
      if (classify(raw) !== 'ours') return undefined;
      const length = HEADER_LENGTH + tagsLengthOf(raw);
      return length <= LOOK_BYTES ? raw : await client.getrange(key, 0, length - 1);
    } catch (error) {
      if (isWrongType(error)) return undefined;
      throw error;
    }
  }

  return {
    async reclaim(physical, { dryRun }) {
      const own = physical.filter((key) => {
        const logical = logicalKey(key);
        return logical !== undefined && physicalKey(logical) === key;
      });
      const seen = await redis.within(
        Promise.all(own.map(async (key) => ({ key, logical: logicalKey(key) as string, raw: await look(key) }))),
      );
      const entries = seen.flatMap(({ key, logical, raw }) => {
        if (raw === undefined) return [];
        return [{ key, raw, epochs: epochsOf(raw, prefixEpochs(plans.of(logical), logical), epochs) }];
      });
      const now = clock.now();
      const unread = new Set(
        entries.flatMap((entry) => entry.epochs).filter((epoch) => !epochs.areFresh([epoch], now)),
      );
      if (unread.size > 0) await epochs.read([...unread]);
      const dead = entries.filter(
        (entry) =>
          (flagsOf(entry.raw) & FLAG_DIRTY) === 0 &&
          entry.epochs.length > 0 &&
          isKilled(stampOf(entry.raw), entry.epochs),
      );
      if (dryRun) return { entries: entries.length, dead: dead.length, unlinked: 0 };
      const results = await Promise.all(
        dead.map(({ key, raw }) => redis.run('cache', reclaimScript, [key], [headerOf(raw)])),
      );
      return { entries: entries.length, dead: dead.length, unlinked: results.reduce((sum, one) => sum + one, 0) };
    },
  };
}
