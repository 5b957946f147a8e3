import type { Clock } from '../../clock';
import { logicalKey, physicalKey } from '../../entities/key';
import type { Entities } from '../../entities/registry';
import { isWrongType } from '../../redis/errors';
import type { RedisHandle } from '../../redis/types';
import { reclaimScript } from '../entry/cache-scripts';
import {
  classify,
  createdAtOf,
  FLAG_DIRTY,
  flagsOf,
  HEADER_LENGTH,
  headerOf,
  tagsLengthOf,
} from '../entry/entry-format';
import { generationsOf } from '../entry/freshness';
import { KeyPolicies, prefixGenerations } from '../key-policy';
import { Telemetry } from '../telemetry';
import { isSuspect, settleLost } from '../write/lost-settles';
import { isInvalidated, TagGenerations } from './tag-generations';

export interface ReclaimerOptions {
  readonly redis: RedisHandle;
  readonly entities: Entities;
  readonly clock: Clock;
  /** The app's declared prefixes, the same as its caches have. */
  readonly prefixes: readonly string[];
}

export interface Reclaimed {
  /** How many of the keys are entries of ours. */
  readonly entries: number;
  /** How many of those a tag generation has invalidated. */
  readonly dead: number;
  /** How many of those were unlinked. The others were written again in the meantime, or it was a dry run. */
  readonly unlinked: number;
}

export interface Reclaimer {
  /**
   * Unlinks invalidated entries, to free their memory, and settles the dirty ones whose write the store has.
   * `physical`: the keys of one SCAN reply, companions included.
   */
  reclaim(physical: readonly string[], options: { readonly dryRun: boolean }): Promise<Reclaimed>;
}

/** Enough for the header and a few tags. An entry with more tags is read a second time. */
const LOOK_BYTES = 512;
/** How long a sweep may use a generation after it was read, in ms. */
const GENERATION_CACHE_MS = 5_000;

/** For the reclaim sweep: invalidating a tag or prefix only sets its generation, so the entries themselves are left. */
export function createReclaimer(options: ReclaimerOptions): Reclaimer {
  const { redis, entities, clock, prefixes } = options;
  const get = (key: string) => redis.within(redis.client('cache').get(key));
  const generations = new TagGenerations({ redis, get, clock, cacheMs: GENERATION_CACHE_MS, skewMarginMs: 0 });
  const telemetry = new Telemetry(undefined);
  let isStoreDown = false;
  const keyPolicies = new KeyPolicies({ entities, generations, telemetry, prefixes, defaults: {} });

  /** The header and the tags of an entry; undefined if the key holds something else. */
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

  /** After a failure this reclaimer asks no store again. The sweep goes on; the next sweep tries again. */
  async function settleSuspects(keys: readonly string[]): Promise<void> {
    if (isStoreDown || keys.length === 0) return;
    await settleLost(redis, keyPolicies, keys).catch(() => {
      isStoreDown = true;
    });
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
        const prefixes = prefixGenerations(keyPolicies.of(logical), logical);
        return [{ key, logical, raw, generations: generationsOf(raw, prefixes, generations) }];
      });
      const now = clock.now();
      const all = new Set(entries.flatMap((entry) => entry.generations));
      const unread = [...all].filter((generation) => !generations.areFresh([generation], now));
      if (unread.length > 0) await generations.read(unread);
      const dead = entries.filter(
        (entry) => (flagsOf(entry.raw) & FLAG_DIRTY) === 0 && isInvalidated(createdAtOf(entry.raw), entry.generations),
      );
      if (dryRun) return { entries: entries.length, dead: dead.length, unlinked: 0 };
      await settleSuspects(entries.flatMap(({ logical, raw }) => (isSuspect(raw, now) ? [logical] : [])));
      const results = await Promise.all(
        dead.map(({ key, raw }) => redis.run('cache', reclaimScript, [key], [headerOf(raw)])),
      );
      return { entries: entries.length, dead: dead.length, unlinked: results.reduce((sum, one) => sum + one, 0) };
    },
  };
}
