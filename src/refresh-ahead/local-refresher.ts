import { LRUCache } from 'lru-cache';
import type { Cache, RefreshOutcome } from '../cache/types';
import type { Clock } from '../clock';
import { coerceError } from '../errors';
import type { Logger } from '../logger';
import type { Counters, RedisHandle } from '../redis';
import type { DueSet } from './due-set';
import { holdMs, mark } from './marker';
import { noteOutcome } from './note-outcome';
import type { RefreshRules } from './refresh-rules';

export interface LocalRefresherOptions {
  readonly redis: RedisHandle;
  /** Its breakers are those of all processes. */
  readonly dueSet: Pick<DueSet, 'noteLoads'>;
  /** `Cache.refresh` of this process. */
  readonly refresh: Cache['refresh'];
  readonly counters: Counters;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** Per entity: what waits, how many refreshes run, and until when a failing source is left alone. */
interface Lane {
  readonly rules: RefreshRules;
  /** Key to the end of the entry's life. */
  readonly waiting: Map<string, number>;
  running: number;
  failing: boolean;
  pausedUntil: number;
}

/** Entries remembered as asked for, and as refreshed and not yet read. */
const REMEMBERED = 10_000;
/** Keys that may wait; beyond it an entry simply expires. */
const WAITING = 1_000;

/** Refreshes entries in the process that read them, where they live too short for the way through the queue. */
export class LocalRefresher {
  readonly #lanes = new Map<string, Lane>();
  /** The end of life of the entry of a key that this process asked for last: each is asked for once, as a mark holds. */
  readonly #asked = new LRUCache<string, number>({ max: REMEMBERED });
  /** The same of those it refreshed and did not read since. */
  readonly #unread = new Map<string, number>();
  readonly #work = new Set<Promise<void>>();

  constructor(private readonly options: LocalRefresherOptions) {}

  /** Returns at once and never throws. */
  ask(rules: RefreshRules, key: string, expiresAt: number): void {
    if ((this.#asked.get(key) ?? 0) >= expiresAt) return;
    const lane = this.#lane(rules);
    if (lane.waiting.size >= WAITING || this.options.clock.now() < lane.pausedUntil) return;
    this.#asked.set(key, expiresAt, { ttl: holdMs(rules) });
    lane.waiting.set(key, expiresAt);
    this.#pump(lane);
  }

  /** A read: where it is of an entry that was refreshed here, the refresh was of use. */
  read(key: string, expiresAt: number): void {
    if (this.#unread.size === 0 || expiresAt < (this.#unread.get(key) ?? Number.POSITIVE_INFINITY)) return;
    this.#unread.delete(key);
    this.options.counters.add('refresh_used');
  }

  /** Refreshed entries that have expired unread. */
  countWasted(): void {
    const now = this.options.clock.now();
    for (const [key, expiresAt] of this.#unread) {
      if (expiresAt > now) continue;
      this.#unread.delete(key);
      this.options.counters.add('refresh_wasted');
    }
  }

  /** Resolves when what was begun has ended. */
  async close(): Promise<void> {
    for (const lane of this.#lanes.values()) lane.waiting.clear();
    await Promise.all(this.#work);
    this.countWasted();
  }

  #lane(rules: RefreshRules): Lane {
    const { name } = rules.entity;
    const lane = this.#lanes.get(name) ?? { rules, waiting: new Map(), running: 0, failing: false, pausedUntil: 0 };
    this.#lanes.set(name, lane);
    return lane;
  }

  #pump(lane: Lane): void {
    for (const [key, expiresAt] of lane.waiting) {
      if (lane.running >= lane.rules.concurrency) return;
      lane.waiting.delete(key);
      lane.running += 1;
      const work = this.#run(lane, key, expiresAt).finally(() => {
        lane.running -= 1;
        this.#work.delete(work);
        this.#pump(lane);
      });
      this.#work.add(work);
    }
  }

  async #run(lane: Lane, key: string, expiresAt: number): Promise<void> {
    const { redis, refresh, counters, logger } = this.options;
    const entity = lane.rules.entity.name;
    try {
      const answer = await mark(redis, lane.rules, key, expiresAt);
      if (answer === 'over') counters.add('refresh_capped');
      if (answer !== 'granted') return;
      const [result] = (await refresh([key], { replaces: new Map([[key, expiresAt]]) })) as [RefreshOutcome];
      noteOutcome(this.options, { entity, way: 'process' }, result, expiresAt);
      await this.#noteLoad(lane, result);
      if (result.outcome === 'refreshed' && this.#unread.size < REMEMBERED) {
        this.#unread.set(key, result.expiresAt ?? 0);
      }
    } catch (error) {
      logger.debug({ entity, error: coerceError(error).name }, 'refresh in process given up');
    }
  }

  /** A source that fails for one process is left alone by all that find it failing. */
  async #noteLoad(lane: Lane, { outcome }: RefreshOutcome): Promise<void> {
    const { dueSet } = this.options;
    const { name } = lane.rules.entity;
    if (outcome === 'failed') {
      lane.failing = true;
      lane.pausedUntil = await dueSet.noteLoads(name, 0, 1);
      if (lane.pausedUntil > 0) lane.waiting.clear();
    } else if (lane.failing && (outcome === 'refreshed' || outcome === 'gone')) {
      lane.failing = false;
      await dueSet.noteLoads(name, 1, 0);
    }
  }
}
