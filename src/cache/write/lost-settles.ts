import { SECOND } from '../../clock';
import { entityOf } from '../../entities/key';
import { NO_VERSION } from '../../entities/version';
import { errorCode } from '../../errors';
import type { Logger } from '../../logger';
import { outsideCalls } from '../../outside-calls';
import type { RedisHandle } from '../../redis/types';
import { createdAtOf, FLAG_DIRTY, flagsOf } from '../entry/entry-format';
import type { KeyPolicies } from '../key-policy';
import { loadWithin } from '../load/load-source';
import type { ServerTime } from '../server-time';
import { type StoredVersion, settle } from './settle';

/** Older than this, a dirty entry waits in a backlog, or its settle was lost, in ms. */
const SUSPECT_AFTER_MS = 30 * SECOND;
/** A process asks its stores about suspects at most this often, in ms, and about so many at once. */
const CHECK_EVERY_MS = 5 * SECOND;
const CHECK_KEYS = 100;

const isDirty = (raw: string): boolean => (flagsOf(raw) & FLAG_DIRTY) !== 0;

/** Whether the settle of this entry may have been lost. `raw`: at least its header. `nowMs`: server time. */
export const isSuspect = (raw: string, nowMs: number): boolean =>
  isDirty(raw) && nowMs - createdAtOf(raw) > SUSPECT_AFTER_MS;

/**
 * Asks the stores which versions they hold, and settles those. An entry whose write is still in the journal is newer than
 * its row, and stays dirty. Throws what a source or Redis throws.
 */
export async function settleLost(redis: RedisHandle, keyPolicies: KeyPolicies, keys: readonly string[]): Promise<void> {
  for (const ofEntity of Map.groupBy(keys, entityOf).values()) {
    const { entity, options, loadMany } = keyPolicies.of(ofEntity[0] as string);
    if (entity?.store === undefined || loadMany === undefined) continue;
    const rows = await loadWithin(loadMany, ofEntity, options.hardTimeoutMs);
    const stored = ofEntity.flatMap((key): StoredVersion[] => {
      const version = rows.get(key)?.version ?? NO_VERSION;
      return version === NO_VERSION ? [] : [{ key, version }];
    });
    await settle(redis, stored, options);
  }
}

export interface LostSettlesOptions {
  readonly redis: RedisHandle;
  readonly keyPolicies: KeyPolicies;
  readonly time: ServerTime;
  readonly logger: Logger;
}

/**
 * Entries that readers find dirty for too long. A failover may lose a settle, and an eviction the mark that keeps a saved
 * write from being shown. Such an entry would hide its row for as long as the journal may keep a write.
 */
export class LostSettles {
  readonly #suspects = new Set<string>();
  #timer: NodeJS.Timeout | undefined;

  constructor(private readonly options: LostSettlesOptions) {}

  /** A reader waits, so this returns at once and never throws. */
  hit(key: string, raw: string): void {
    if (!isDirty(raw) || this.#suspects.size >= CHECK_KEYS || !isSuspect(raw, this.options.time.now())) return;
    this.#suspects.add(key);
    // It asks for keys of many callers, so in no caller's context.
    this.#timer ??= outsideCalls(() => setTimeout(() => void this.#check(), CHECK_EVERY_MS)).unref();
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  async #check(): Promise<void> {
    const { redis, keyPolicies, logger } = this.options;
    const keys = [...this.#suspects];
    this.#suspects.clear();
    try {
      await settleLost(redis, keyPolicies, keys);
    } catch (error) {
      logger.debug({ error: errorCode(error) }, 'could not ask a store about dirty entries; the next readers will');
    }
    this.#timer = undefined;
  }
}
