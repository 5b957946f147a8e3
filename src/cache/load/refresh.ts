import { KeyError } from '../../entities/key';
import { expiresOf, FLAG_DIRTY, flagsOf } from '../entry/entry-format';
import type { Found } from '../read/find';
import { askOf, type Origin, type ReadsOptions } from '../read/one-key';
import { Peek } from '../read/peek';
import type { RefreshOptions, RefreshOutcome } from '../types';
import type { Ask } from './load-request';
import type { Loading } from './load-source';

/**
 * Loads keys although they are cached, and stores them under the fence; each outcome is told. Throws `E_KEY`, before
 * anything is loaded, where a key is outside the convention; nothing else.
 */
export async function refreshKeys(
  options: ReadsOptions,
  keys: readonly string[],
  originOf: (key: string) => Origin,
  { replaces }: RefreshOptions = {},
): Promise<readonly RefreshOutcome[]> {
  const outcomes = new Map<string, RefreshOutcome>();
  const groups = new Map<Loading, Ask[]>();
  await Promise.all(
    [...new Set(keys)].map(async (key) => {
      const { plan, loading } = originOf(key);
      if (loading === undefined) {
        outcomes.set(key, { key, outcome: 'unknown-entity' });
        return;
      }
      try {
        const raw = await new Promise<string | undefined>((resolve, reject) => {
          options.reader.add(new Peek(options.lookup, key, plan, resolve, reject));
        });
        const end = replaces?.get(key);
        const another = end !== undefined && (raw === undefined || expiresOf(raw) !== end);
        if (another || (raw !== undefined && (flagsOf(raw) & FLAG_DIRTY) !== 0)) {
          outcomes.set(key, { key, outcome: 'superseded' });
          return;
        }
        const found: Found = { kind: 'miss', unusable: raw, stale: undefined };
        const ask = askOf(options, key, plan, plan.policy, loading, undefined, found, 0);
        groups.set(loading, [...(groups.get(loading) ?? []), ask]);
      } catch (error) {
        if (error instanceof KeyError) throw error;
        outcomes.set(key, { key, outcome: 'failed' });
      }
    }),
  );
  for (const asks of groups.values()) {
    const stored = await options.misses.refresh(asks);
    asks.forEach(({ key }, index) => {
      outcomes.set(key, { key, outcome: 'failed', ...stored[index] });
    });
  }
  return keys.map((key) => outcomes.get(key) as RefreshOutcome);
}
