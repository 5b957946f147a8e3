import { AsyncResource } from 'node:async_hooks';
import { SECOND } from '../../clock';
import type { WriteRow } from '../../entities/entity-store';
import { checkKey, entryLeaseAndMark } from '../../entities/key';
import type { Version } from '../../entities/version';
import type { RedisHandle } from '../../redis/types';
import { resolveOptions } from '../call-options';
import { putScript } from '../entry/cache-scripts';
import { type Codec, jsonSerializer, NEGATIVE, serialized } from '../entry/codec';
import { entryTail } from '../entry/entry-format';
import { CacheInputError, ForeignEntryError, SerializeError } from '../errors';
import { dropKey } from '../invalidate/drop-keys';
import type { PendingInvalidations } from '../invalidate/pending-invalidations';
import type { TagGenerations } from '../invalidate/tag-generations';
import { type KeyPolicies, prefixGenerations, tagsFor } from '../key-policy';
import { lifeOf, physicalMs } from '../load/load-request';
import type { Journal } from '../ports';
import type { WriteBehindOptions, WriteOptions } from '../types';
import type { Fence } from './fence';
import { SHOWN_WITHIN_MS } from './settle';
import type { Versions } from './versions';

export interface WriteServiceOptions {
  readonly redis: RedisHandle;
  readonly keyPolicies: KeyPolicies;
  readonly generations: TagGenerations;
  /** Called before a key changes: later callers must not join or copy what was read before. */
  readonly changing: (key: string) => void;
  /** Called after a key has changed, to notify other processes. */
  readonly changed: (key: string) => void;
  readonly versions: Versions;
  readonly codec: Codec;
  readonly pending: PendingInvalidations;
  readonly fence: Fence;
  readonly journal: Journal | undefined;
  readonly hardAgeSeconds: number;
  readonly clock: { now(): number };
}

type Condition = 'any' | 'absent' | 'newer';

/** Everything that changes a key. Each change ends the right of running loads to store what they read before. */
export class WriteService {
  constructor(private readonly options: WriteServiceOptions) {}

  /** Stores a value, or "there is no such value" if it is undefined. Returns whether it was stored. */
  async put(
    key: string,
    value: unknown,
    options: WriteOptions,
    condition: Condition = 'any',
    version: Version | '' = '',
  ): Promise<boolean> {
    const { redis, codec, versions, changed } = this.options;
    const { keyPolicy, resolved, tags, minCreatedAtMs } = await this.#prepare(key, options, condition !== 'absent');
    const encoded =
      value === undefined ? NEGATIVE : await codec.encode(value, keyPolicy.entity, resolved.compressOverBytes);
    const lifeMs = lifeOf(resolved);
    const [outcome, stored] = await redis.run('cache', putScript, entryLeaseAndMark(key), [
      version,
      versions.writer,
      versions.last,
      condition,
      encoded.flags.toString(16).toUpperCase(),
      minCreatedAtMs,
      lifeMs,
      lifeMs + Math.round(resolved.graceSeconds * SECOND),
      entryTail(0, tags, encoded.payload),
    ]);
    if (condition !== 'absent') changed(key);
    if (outcome === 'foreign') {
      keyPolicy.counters.foreign += 1;
      const message = 'The key holds a value that this library did not write. Delete it or use another key';
      throw new ForeignEntryError(message);
    }
    if (stored !== undefined) versions.saw(stored as Version);
    return outcome === 'stored';
  }

  async set(key: string, value: unknown, options: WriteOptions = {}): Promise<void> {
    if (value === undefined) throw new SerializeError('Expected a value to set, got undefined; delete the key instead');
    // If Redis does not take a set, the key still holds the old value. The retry deletes it; it never sets late.
    const { pending, redis, versions, keyPolicies } = this.options;
    const issued = versions.now();
    await pending.trackKey(
      key,
      () => this.put(key, value, options),
      () => dropKey(redis, key, issued, keyPolicies.isStored(key)),
    );
  }

  /** Returns whether there was an entry. */
  delete(key: string): Promise<boolean> {
    checkKey(key);
    const { pending, redis, changing, changed, versions, keyPolicies } = this.options;
    changing(key);
    const issued = versions.now();
    const isStored = keyPolicies.isStored(key);
    return pending.trackKey(
      key,
      async () => {
        const dropped = await dropKey(redis, key, '', isStored);
        changed(key);
        return dropped === 1;
      },
      () => dropKey(redis, key, issued, isStored),
    );
  }

  async writeThrough<V>(
    key: string,
    value: V,
    write: ((value: V) => Promise<unknown>) | undefined,
    options: WriteOptions = {},
  ): Promise<void> {
    const { keyPolicies, codec, fence, versions, changed } = this.options;
    checkKey(key);
    const store = keyPolicies.of(key).entity?.store;
    if (write !== undefined) {
      try {
        await write(value);
      } finally {
        // Also if it throws, since it may have written all the same.
        await this.delete(key);
      }
      return;
    }
    if (store === undefined) {
      throw new CacheInputError('Expected a key of an entity with a store, or a function that writes');
    }
    // Reject a value that the cache cannot hold before saving it: afterwards the old entry would remain.
    const { keyPolicy } = this.#check(key, options);
    if (value !== undefined) await codec.encode(value, keyPolicy.entity, Number.POSITIVE_INFINITY);
    const row = toRow(key, value, await versions.take(key));
    let outcome: Awaited<ReturnType<typeof store.saveMany>>[number] | undefined;
    try {
      [outcome] = await store.saveMany([row]);
    } catch (error) {
      // The row may have been saved, and then the entry is older than it.
      await this.delete(key).catch(() => {});
      throw error;
    }
    if (outcome?.saved === false) {
      const { storedVersion } = outcome;
      const { ttlSeconds } = keyPolicy.options;
      await this.#show(key, async () => {
        await fence.settle([{ key, version: storedVersion }], { ttlSeconds });
        changed(key);
      });
    } else {
      const { ttlSeconds } = keyPolicy.options;
      await this.#show(
        key,
        () => this.put(key, value, options, 'newer', row.version),
        // By then the value may be old: what is older than it goes, and readers load.
        () => fence.settle([row], { ttlSeconds }),
      );
    }
  }

  async writeBehind(key: string, value: unknown, options: WriteBehindOptions = {}): Promise<Version> {
    const { journal, fence, versions, hardAgeSeconds, clock, changing, changed } = this.options;
    const { entity } = this.#check(key, options).keyPolicy;
    if (entity?.store === undefined) {
      throw new CacheInputError(
        'writeBehind needs a key of an entity with a store: the flush job saves the value in another process',
      );
    }
    if (journal === undefined) {
      throw new CacheInputError('writeBehind needs a journal, and this cache has none. Pass one to createCache');
    }
    const acceptedAt = clock.now();
    const version = options.version ?? (await versions.take(key));
    const row = toRow(key, value, version);
    const outcome = await journal.append({ ...row, entity: entity.name, acceptedAt });
    changing(key);
    await this.#show(key, async () => {
      const { resolved, tags, minCreatedAtMs } = await this.#prepare(key, options, true);
      const { ttlSeconds, graceSeconds } = resolved;
      const stored = { key, version: outcome?.saved === false ? outcome.storedVersion : version };
      if (clock.now() - acceptedAt > SHOWN_WITHIN_MS) {
        // This process was stalled, or Redis was unavailable. By now this write and a newer one may be saved and settled,
        // and showing this one as dirty would hide the newer one. So delete what is older, and let readers load.
        await fence.settle([stored], { ttlSeconds, graceSeconds });
        changed(key);
        return;
      }
      if (outcome?.saved !== false) {
        await fence.publish(row, { ttlSeconds, hardAgeSeconds, leastCreatedAtMs: minCreatedAtMs, tags });
      }
      if (outcome !== undefined) await fence.settle([stored], { ttlSeconds, graceSeconds });
      changed(key);
    });
    return version;
  }

  /** Shows a write in the cache. If Redis does not take it now, a retry is pending, so the call still succeeds. */
  async #show(key: string, show: () => Promise<unknown>, retry = show): Promise<void> {
    const { pending } = this.options;
    // A retry runs code of the app (the entity's tags), so it runs in the context of this call.
    const again = AsyncResource.bind(retry);
    await pending.trackKey(key, show, again).catch((error: unknown) => {
      if (!pending.hasFailed(key)) throw error;
    });
  }

  /** Throws `E_KEY` or `E_CACHE_INPUT`. */
  #check(key: string, options: WriteOptions) {
    checkKey(key);
    const keyPolicy = this.options.keyPolicies.of(key);
    const resolved = resolveOptions(keyPolicy.options, options);
    return { keyPolicy, resolved, tags: tagsFor(keyPolicy, key, options.tags) };
  }

  async #prepare(key: string, options: WriteOptions, isChange: boolean) {
    const { generations, changing } = this.options;
    const { keyPolicy, resolved, tags } = this.#check(key, options);
    if (isChange) changing(key);
    const all = [...prefixGenerations(keyPolicy, key), ...tags.map((tag) => generations.ofTag(tag))];
    return { keyPolicy, resolved, tags, minCreatedAtMs: await generations.ensure(all, physicalMs(resolved)) };
  }
}

const toRow = (key: string, value: unknown, version: Version): WriteRow => ({
  key,
  version,
  value: value === undefined ? null : serialized(value, jsonSerializer),
});
