import { SECOND } from '../../clock';
import type { WriteRow } from '../../entities/entity-store';
import { companionKey, parseKey, physicalKey } from '../../entities/key';
import type { Version } from '../../entities/version';
import type { RedisHandle } from '../../redis/types';
import { type Policy, policyOf } from '../call-options';
import { putScript } from '../entry/cache-scripts';
import { type Codec, jsonSerializer, NEGATIVE, serialized } from '../entry/codec';
import { entryTail } from '../entry/entry-format';
import { CacheInputError, ForeignEntryError, SerializeError } from '../errors';
import { drop } from '../invalidate/drop-keys';
import type { Owed } from '../invalidate/pending-invalidations';
import type { Epochs } from '../invalidate/tag-generations';
import { type Plan, type Plans, prefixEpochs, tagsFor } from '../key-policy';
import { lifeOf, physicalMs } from '../load/load-request';
import type { Journal } from '../ports';
import type { WriteBehindOptions, WriteOptions } from '../types';
import type { Fence } from './fence';
import type { Versions } from './versions';

export interface WritesOptions {
  readonly redis: RedisHandle;
  readonly plans: Plans;
  readonly epochs: Epochs;
  /** The key is about to change: who comes from now on must not join or copy what was read before. */
  readonly changing: (key: string) => void;
  /** The key has changed; other processes are told. */
  readonly changed: (key: string) => void;
  readonly versions: Versions;
  readonly codec: Codec;
  readonly owed: Owed;
  readonly fence: Fence;
  readonly journal: Journal | undefined;
  readonly hardAgeSeconds: number;
  readonly clock: { now(): number };
}

type Condition = 'any' | 'absent' | 'newer';

/** What changes a key: each ends the right of running loads to store what they read before. */
export class Writes {
  constructor(private readonly options: WritesOptions) {}

  /** True where it was stored. */
  async put(
    key: string,
    value: unknown,
    options: WriteOptions,
    condition: Condition = 'any',
    version: Version | '' = '',
  ): Promise<boolean> {
    const { redis, codec, versions, changed } = this.options;
    const { plan, policy, tags, least } = await this.#prepare(key, options, condition !== 'absent');
    const encoded = value === undefined ? NEGATIVE : await codec.encode(value, plan.entity, policy.compressOverBytes);
    const lifeMs = lifeOf(policy);
    const [outcome, stored] = await redis.run('cache', putScript, keysOf(key), [
      version,
      versions.writer,
      versions.last,
      condition,
      encoded.flags.toString(16).toUpperCase(),
      least,
      lifeMs,
      lifeMs + Math.round(policy.graceSeconds * SECOND),
      entryTail(0, tags, encoded.payload),
    ]);
    if (condition !== 'absent') changed(key);
    if (outcome === 'foreign') {
      plan.meter.foreign += 1;
      throw new ForeignEntryError('Expected the key to be free or ours, got a value that this library did not write');
    }
    if (stored !== undefined) versions.saw(stored as Version);
    return outcome === 'stored';
  }

  async set(key: string, value: unknown, options: WriteOptions = {}): Promise<void> {
    if (value === undefined) throw new SerializeError('Expected a value to set, got undefined; delete the key instead');
    // A set that Redis did not take leaves the old value there: that one must go, and no late repeat of the set come.
    const { owed, redis, versions } = this.options;
    const issued = versions.now();
    await owed.ofKey(
      key,
      () => this.put(key, value, options),
      () => drop(redis, key, issued),
    );
  }

  /** True where there was an entry. */
  delete(key: string): Promise<boolean> {
    parseKey(key);
    const { owed, redis, changing, changed, versions } = this.options;
    changing(key);
    const issued = versions.now();
    return owed.ofKey(
      key,
      async () => {
        const dropped = await drop(redis, key, '');
        changed(key);
        return dropped === 1;
      },
      () => drop(redis, key, issued),
    );
  }

  async writeThrough<V>(
    key: string,
    value: V,
    write: ((value: V) => Promise<unknown>) | undefined,
    options: WriteOptions = {},
  ): Promise<void> {
    const { plans, codec } = this.options;
    parseKey(key);
    const store = plans.of(key).entity?.store;
    if (write !== undefined) {
      try {
        await write(value);
      } finally {
        // Also when it throws: it may have written all the same.
        await this.delete(key);
      }
      return;
    }
    if (store === undefined) {
      throw new CacheInputError('Expected a key of an entity with a store, or a function that writes');
    }
    // What the cache would refuse is refused before it is saved: afterwards the old entry would be left in its place.
    const { plan } = this.#checked(key, options);
    if (value !== undefined) await codec.encode(value, plan.entity, Number.POSITIVE_INFINITY);
    const row = this.#row(key, value, await this.options.versions.take(key));
    let outcome: Awaited<ReturnType<typeof store.saveMany>>[number] | undefined;
    try {
      [outcome] = await store.saveMany([row]);
    } catch (error) {
      // What was saved is unknown: the entry may be older than the row now.
      await this.delete(key).catch(() => {});
      throw error;
    }
    const shown = () => this.put(key, value, options, 'newer', row.version);
    if (outcome?.saved === false) {
      const ttlSeconds = plans.of(key).policy.ttlSeconds;
      const settled = outcome;
      await this.#owe(key, async () => {
        await this.options.fence.settle([{ key, version: settled.storedVersion }], { ttlSeconds });
        this.options.changed(key);
      });
    } else {
      await this.#owe(key, shown);
    }
  }

  async writeBehind(key: string, value: unknown, options: WriteBehindOptions = {}): Promise<Version> {
    const { plans, journal, fence, versions, hardAgeSeconds, clock, changing, changed } = this.options;
    parseKey(key);
    const { entity } = plans.of(key);
    if (entity?.store === undefined) {
      throw new CacheInputError('Expected a key of an entity with a store: a closure cannot leave the process');
    }
    if (journal === undefined)
      throw new CacheInputError('Expected a journal for write-behind, got a cache without one');
    this.#checked(key, options);
    const acceptedAt = clock.now();
    const version = options.version ?? (await versions.take(key));
    const row = this.#row(key, value, version);
    const outcome = await journal.append({ ...row, entity: entity.name, acceptedAt });
    changing(key);
    await this.#owe(key, async () => {
      const { policy, tags, least } = await this.#prepare(key, options, true);
      const { ttlSeconds, graceSeconds } = policy;
      const stored = { key, version: outcome?.saved === false ? outcome.storedVersion : version };
      if (clock.now() - acceptedAt > SHOWN_WITHIN_MS) {
        // This process slept, or Redis was away: the write, and a newer one after it, may be saved and settled by now.
        // Shown as dirty it would hide what the database has; so what is older goes, and readers load.
        await fence.settle([stored], { ttlSeconds, graceSeconds });
        changed(key);
        return;
      }
      if (outcome?.saved !== false) await fence.publish(row, { ttlSeconds, hardAgeSeconds, leastStampMs: least, tags });
      if (outcome !== undefined) await fence.settle([stored], { ttlSeconds, graceSeconds });
      changed(key);
    });
    return version;
  }

  /** The write itself is safe already: where Redis is away, showing it is owed, and the caller need not know. */
  async #owe(key: string, show: () => Promise<unknown>): Promise<void> {
    await this.options.owed.ofKey(key, show).catch((error: unknown) => {
      if (this.options.owed.isOwed(key)) return;
      throw error;
    });
  }

  #row(key: string, value: unknown, version: Version): WriteRow {
    if (value === undefined) return { key, version, value: null };
    return { key, version, value: serialized(value, jsonSerializer) };
  }

  /** Throws `E_KEY` or `E_CACHE_INPUT`. */
  #checked(key: string, options: WriteOptions) {
    parseKey(key);
    const plan: Plan = this.options.plans.of(key);
    const policy: Policy = policyOf(plan.policy, options);
    return { plan, policy, tags: tagsFor(plan, key, options.tags) };
  }

  async #prepare(key: string, options: WriteOptions, forget: boolean) {
    const { plan, policy, tags } = this.#checked(key, options);
    const { epochs, changing } = this.options;
    if (forget) changing(key);
    const all = [...prefixEpochs(plan, key), ...tags.map((tag) => epochs.ofTag(tag))];
    return { plan, policy, tags, least: await epochs.open(all, physicalMs(policy)) };
  }
}

/** A journalled write that could not be shown within this is not shown any more, in ms. */
const SHOWN_WITHIN_MS = 10 * SECOND;

const keysOf = (key: string): string[] => [physicalKey(key), companionKey(key, 'lease')];
