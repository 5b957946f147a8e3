import { contained } from '../../contained';
import { KeyError } from '../../entities/key';
import type { ReadBatcher } from '../../redis/reads/read-batcher';
import { expiresOf, FLAG_DIRTY, flagsOf } from '../entry/entry-format';
import type { TagGenerations } from '../invalidate/tag-generations';
import type { KeyPolicies } from '../key-policy';
import type { Demand } from '../ports';
import { readRaw } from '../read/read-raw';
import type { ServerTime } from '../server-time';
import type { Cache, RefreshOptions, RefreshOutcome } from '../types';
import { createLoadRequest, type LoadRequest } from './load-request';
import type { LoadMany } from './load-source';
import type { Misses } from './misses';

export interface RefreshContext {
  readonly batcher: ReadBatcher;
  readonly keyPolicies: KeyPolicies;
  readonly misses: Misses;
  readonly generations: TagGenerations;
}

/**
 * `Cache.refresh`: loads keys although they are cached, and stores them under the fence. Throws `E_KEY`, before anything
 * is loaded, if a key is invalid. Every other failure is an outcome.
 */
export async function refreshKeys(
  { batcher, keyPolicies, misses, generations }: RefreshContext,
  keys: readonly string[],
  { replaces }: RefreshOptions = {},
): Promise<readonly RefreshOutcome[]> {
  const outcomes = new Map<string, RefreshOutcome>();
  const groups = new Map<LoadMany, LoadRequest[]>();
  await Promise.all(
    [...new Set(keys)].map(async (key) => {
      const { keyPolicy, loadMany } = keyPolicies.withSource(key, undefined, undefined);
      if (loadMany === undefined) {
        outcomes.set(key, { key, outcome: 'unknown-entity' });
        return;
      }
      try {
        const unusable = await readRaw(batcher, key);
        const expected = replaces?.get(key);
        const isOther = expected !== undefined && (unusable === undefined || expiresOf(unusable) !== expected);
        if (isOther || (unusable !== undefined && (flagsOf(unusable) & FLAG_DIRTY) !== 0)) {
          outcomes.set(key, { key, outcome: 'superseded' });
          return;
        }
        const { options } = keyPolicy;
        const known = { key, keyPolicy, options, loadMany, unusable, stale: undefined, spentMs: 0 };
        const request = createLoadRequest(known, undefined, generations);
        groups.set(loadMany, [...(groups.get(loadMany) ?? []), request]);
      } catch (error) {
        if (error instanceof KeyError) throw error;
        outcomes.set(key, { key, outcome: 'failed' });
      }
    }),
  );
  for (const requests of groups.values()) {
    const stored = await misses.refresh(requests);
    requests.forEach(({ key }, index) => {
      outcomes.set(key, { key, outcome: 'failed', ...stored[index] });
    });
  }
  return keys.map((key) => outcomes.get(key) as RefreshOutcome);
}

/** Reports hits to refresh-ahead, which decides whether and where to refresh the entry. */
export class RefreshTrigger {
  constructor(
    private readonly demand: Demand,
    private readonly refresh: Cache['refresh'],
    private readonly time: ServerTime,
  ) {}

  /** `fraction`: the refresh point. A reader waits, so this returns at once and never throws. */
  hit(key: string, fraction: number, createdAtMs: number, expiresMs: number): void {
    const dueAt = createdAtMs + (expiresMs - createdAtMs) * fraction;
    contained(() => {
      if (this.time.now() < dueAt) return this.demand.read(key, dueAt, expiresMs);
      return this.demand.refreshNeeded(key, expiresMs, this.refresh);
    });
  }
}

/** The default demand: refreshes each entry in this process, once its refresh point has passed. */
export function refreshInProcess(): Demand {
  const refreshing = new Set<string>();
  return {
    read() {},
    refreshNeeded(key, _expiresAt, refresh) {
      if (refreshing.has(key)) return;
      refreshing.add(key);
      void refresh([key])
        .catch(() => {})
        .finally(() => refreshing.delete(key));
    },
  };
}
