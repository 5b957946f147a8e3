import { LRUCache } from 'lru-cache';
import type { Cache, RefreshOutcome } from '../cache/types';
import { type Clock, MINUTE, SECOND } from '../clock';
import { companionKey } from '../entities/key';
import { coerceError } from '../errors';
import type { Logger } from '../logger';
import type { Counters, RedisHandle } from '../redis';
import type { RefreshRules } from './rules';

export interface LocalRefresherOptions {
  readonly redis: RedisHandle;
  /** `Cache.refresh` of this process. */
  readonly refresh: Cache['refresh'];
  readonly counters: Counters;
  readonly logger: Logger;
  readonly clock: Clock;
}

interface Asked {
  readonly key: string;
  readonly expiresAt: number;
}

/** Per entity: what waits, how many refreshes run, and until when a failing source is left alone. */
interface Lane {
  readonly rules: RefreshRules;
  readonly waiting: Map<string, Asked>;
  readonly running: Set<string>;
  pauseMs: number;
  pausedUntil: number;
}

/** Keys remembered for the cap on their lifetime, and keys that may wait; beyond it an entry simply expires. */
const REMEMBERED = 10_000;
const WAITING = 1_000;

/** Refreshes short-lived entries in the process that read them, since by way of the queue they would be too late. */
export class LocalRefresher {
  readonly #lanes = new Map<string, Lane>();
  readonly #since = new LRUCache<string, number>({ max: REMEMBERED });
  readonly #options: LocalRefresherOptions;
  #work = new Set<Promise<void>>();

  constructor(options: LocalRefresherOptions) {
    this.#options = options;
  }

  /** Returns at once and never throws. */
  ask(rules: RefreshRules, key: string, expiresAt: number): void {
    const lane = this.#lane(rules);
    if (lane.running.has(key) || lane.waiting.has(key) || lane.waiting.size >= WAITING) return;
    const now = this.#options.clock.now();
    if (now < lane.pausedUntil) return;
    const since = this.#since.get(key);
    if (since === undefined) this.#since.set(key, now, { ttl: rules.maxLifetimeMs + rules.ttlMs });
    else if (now - since > rules.maxLifetimeMs) return;
    lane.waiting.set(key, { key, expiresAt });
    this.#pump(lane);
  }

  /** Resolves when what was begun has ended. */
  async close(): Promise<void> {
    for (const lane of this.#lanes.values()) lane.waiting.clear();
    await Promise.all(this.#work);
  }

  #lane(rules: RefreshRules): Lane {
    const { name } = rules.entity;
    const known = this.#lanes.get(name);
    if (known) return known;
    const lane: Lane = { rules, waiting: new Map(), running: new Set(), pauseMs: SECOND, pausedUntil: 0 };
    this.#lanes.set(name, lane);
    return lane;
  }

  #pump(lane: Lane): void {
    for (const asked of lane.waiting.values()) {
      if (lane.running.size >= lane.rules.concurrency) return;
      lane.waiting.delete(asked.key);
      lane.running.add(asked.key);
      const work = this.#run(lane, asked).finally(() => {
        lane.running.delete(asked.key);
        this.#work.delete(work);
        this.#pump(lane);
      });
      this.#work.add(work);
    }
  }

  async #run(lane: Lane, { key, expiresAt }: Asked): Promise<void> {
    const { redis, refresh, counters, logger, clock } = this.#options;
    const entity = lane.rules.entity.name;
    try {
      // The marker lives as long as the old entry: of all processes that read it, one refreshes.
      const lifeMs = Math.min(MINUTE, Math.max(200, Math.round(expiresAt - clock.now())));
      const marked = await redis.within(
        redis.client('cache').set(companionKey(key, 'refresh'), '1', 'PX', lifeMs, 'NX'),
      );
      if (marked === null) return;
      const [result] = (await refresh([key])) as [RefreshOutcome];
      counters.add('refresh_in_process', { entity, outcome: result.outcome });
      if (result.outcome === 'refreshed') {
        counters.add('refresh_lead_ms', { entity }, Math.max(0, expiresAt - clock.now()));
        lane.pauseMs = SECOND;
      }
      if (result.outcome === 'failed') {
        lane.pausedUntil = clock.now() + lane.pauseMs;
        lane.pauseMs = Math.min(MINUTE, lane.pauseMs * 2);
        lane.waiting.clear();
      }
    } catch (error) {
      logger.debug({ entity, error: coerceError(error).name }, 'refresh in process given up');
    }
  }
}
