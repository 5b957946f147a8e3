import { setTimeout as sleep } from 'node:timers/promises';
import type { Cache } from '../../src/cache';

/*
 * A history checker: random interleavings of loads, sets, deletes and invalidations by several caches, each with a
 * connection of its own, against a source whose values only grow. Per key the checker knows which value was written
 * before an invalidation that has completed; no read that began later may answer an older one.
 */

export interface HistoryOptions {
  /** Each with its own connection and state, as processes have. */
  readonly caches: readonly Cache[];
  /** Every key is `{entity}:{n}`, carries the tag `{entity}`, and `entity` is registered in every cache. */
  readonly entity: string;
  readonly keys: number;
  readonly operations: number;
  /** Operations under way at once. */
  readonly concurrency: number;
  readonly seed: number;
  /** Kinds of invalidation to mix. Default: all. */
  readonly acts?: readonly Act[];
  /** How long after a tag or prefix invalidation another cache may still serve what it killed, in ms. */
  readonly epochBoundMs: number;
}

export interface HistoryResult {
  readonly reads: number;
  readonly loads: number;
  readonly writes: Readonly<Record<Act, number>>;
  /** Reads older than an invalidation that had completed, beyond the epoch bound. Must be empty. */
  readonly stale: readonly Stale[];
  /** The longest that a read was behind an epoch, in ms; to be compared with the bound. */
  readonly longestEpochLagMs: number;
}

export interface Stale {
  readonly key: string;
  readonly read: number;
  readonly expected: number;
  readonly by: Act;
  readonly lagMs: number;
}

export const acts = ['delete', 'set', 'tag', 'prefix', 'pattern'] as const;
export type Act = (typeof acts)[number];

interface Done {
  readonly value: number;
  readonly at: number;
  readonly act: Act;
}

/** A small generator with a seed (mulberry32), so that a run can be had again. */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export async function runHistory(options: HistoryOptions): Promise<HistoryResult> {
  const { caches, entity, keys, operations, concurrency, seed, epochBoundMs } = options;
  const random = generator(seed);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  const names = Array.from({ length: keys }, (_, index) => `${entity}:${index}`);
  const source = new Map<string, number>(names.map((name) => [name, 0]));
  const done = new Map<string, Done[]>(names.map((name) => [name, []]));
  const writing = new Map<string, Promise<void>>();
  const stale: Stale[] = [];
  const writes = Object.fromEntries(acts.map((act) => [act, 0])) as Record<Act, number>;
  let [reads, loads, longestEpochLagMs] = [0, 0, 0];

  async function load(key: string): Promise<number> {
    loads += 1;
    const [before, after] = [random() * 3, random() * 6];
    if (random() < 0.5) await sleep(before);
    const value = source.get(key) as number;
    await sleep(after);
    return value;
  }

  async function read(): Promise<void> {
    const [cache, key] = [pick(caches), pick(names)];
    const began = performance.now();
    reads += 1;
    const value =
      random() < 0.8
        ? await cache.get(key, load)
        : (
            await cache.getMany([key, pick(names)], async (missing) => {
              return new Map(await Promise.all(missing.map(async (each) => [each, await load(each)] as const)));
            })
          ).get(key);
    check(key, value as number, began);
  }

  function check(key: string, value: number, began: number): void {
    for (const { value: expected, at, act } of done.get(key) as Done[]) {
      if (at >= began || value >= expected) continue;
      const lagMs = began - at;
      const byEpoch = act === 'tag' || act === 'prefix';
      if (byEpoch && lagMs <= epochBoundMs) longestEpochLagMs = Math.max(longestEpochLagMs, lagMs);
      else stale.push({ key, read: value, expected, by: act, lagMs });
    }
  }

  /** Writes the source, then tells the cache, as an app does. One writer of a key at a time: `set` has no order else. */
  async function write(): Promise<void> {
    const [cache, act, key] = [pick(caches), pick(options.acts ?? acts), pick(names)];
    const touched = act === 'tag' || act === 'prefix' || act === 'pattern' ? names : [key];
    const before = touched.map((name) => writing.get(name));
    let finish = () => {};
    const mine = new Promise<void>((resolve) => {
      finish = resolve;
    });
    for (const name of touched) writing.set(name, mine);
    await Promise.all(before);
    try {
      const values = touched.map((name) => {
        const value = (source.get(name) as number) + 1;
        source.set(name, value);
        return [name, value] as const;
      });
      if (act === 'delete') await cache.delete(key);
      else if (act === 'set') await cache.set(key, source.get(key), { tags: [entity] });
      else if (act === 'tag') await cache.invalidateTag(entity);
      else if (act === 'prefix') await cache.invalidatePrefix(entity);
      else await cache.invalidatePattern(`${entity}:*`);
      writes[act] += 1;
      const at = performance.now();
      for (const [name, value] of values) remember(name, { value, at, act });
    } finally {
      finish();
    }
  }

  /** Of each kind the last few are enough: an older one asks for less. */
  function remember(name: string, one: Done): void {
    const list = (done.get(name) as Done[]).filter(({ act, at }) => act !== one.act || one.at - at < 2 * epochBoundMs);
    list.push(one);
    done.set(name, list);
  }

  let started = 0;
  async function worker(): Promise<void> {
    while (started < operations) {
      started += 1;
      // Mostly reads: a world that is always invalidated has nothing to be stale.
      await (random() < 0.85 ? read() : write());
      if (random() < 0.2) await sleep(random() * 4);
    }
  }
  await Promise.all(Array.from({ length: concurrency }, worker));
  return { reads, loads, writes, stale, longestEpochLagMs };
}
