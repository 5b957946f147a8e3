import { AsyncResource } from 'node:async_hooks';
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
  /** All processes share its breakers. */
  readonly dueSet: Pick<DueSet, 'noteLoads'>;
  readonly counters: Counters;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** Per entity: the keys that wait, the running refreshes, and until when a failing source is left alone. */
interface EntityQueue {
  readonly rules: RefreshRules;
  /** By key: refreshes it. */
  readonly waiting: Map<string, () => Promise<void>>;
  running: number;
  failing: boolean;
  pausedUntil: number;
}

/** Entries remembered as requested, and as refreshed but not yet read. */
const REMEMBERED = 10_000;
/** Keys that may wait. Further entries expire. */
const WAITING = 1_000;

/** Refreshes entries in the process that read them, if their life is too short for the queue. */
export class LocalRefresher {
  readonly #queues = new Map<string, EntityQueue>();
  /** The entry that this process requested last, per key, by the end of its life: each entry is requested once. */
  readonly #requested = new LRUCache<string, number>({ max: REMEMBERED });
  /** The entries that this process refreshed and has not read since, by the end of their life. */
  readonly #unread = new Map<string, number>();
  readonly #work = new Set<Promise<void>>();

  constructor(private readonly options: LocalRefresherOptions) {}

  /** Returns at once and never throws. */
  request(rules: RefreshRules, key: string, expiresAt: number, refresh: Cache['refresh']): void {
    if ((this.#requested.get(key) ?? 0) >= expiresAt) return;
    const queue = this.#queueOf(rules);
    if (queue.waiting.size >= WAITING || this.options.clock.now() < queue.pausedUntil) return;
    this.#requested.set(key, expiresAt, { ttl: holdMs(rules) });
    // Another refresh's end may start it. Its load runs in the context of the call that asked for it.
    queue.waiting.set(
      key,
      AsyncResource.bind(() => this.#run(queue, key, expiresAt, refresh)),
    );
    this.#pump(queue);
  }

  /** Counts a read. If the entry was refreshed here, the refresh was useful. */
  read(key: string, expiresAt: number): void {
    if (this.#unread.size === 0 || expiresAt < (this.#unread.get(key) ?? Number.POSITIVE_INFINITY)) return;
    this.#unread.delete(key);
    this.options.counters.add('refresh_used');
  }

  /** Counts refreshed entries that expired unread. */
  countWasted(): void {
    const now = this.options.clock.now();
    for (const [key, expiresAt] of this.#unread) {
      if (expiresAt > now) continue;
      this.#unread.delete(key);
      this.options.counters.add('refresh_wasted');
    }
  }

  /** Resolves when the running refreshes have ended. */
  async close(): Promise<void> {
    for (const queue of this.#queues.values()) queue.waiting.clear();
    await Promise.all(this.#work);
    this.countWasted();
  }

  #queueOf(rules: RefreshRules): EntityQueue {
    const { name } = rules.entity;
    const queue = this.#queues.get(name) ?? { rules, waiting: new Map(), running: 0, failing: false, pausedUntil: 0 };
    this.#queues.set(name, queue);
    return queue;
  }

  #pump(queue: EntityQueue): void {
    for (const [key, run] of queue.waiting) {
      if (queue.running >= queue.rules.concurrency) return;
      queue.waiting.delete(key);
      queue.running += 1;
      const work = run().finally(() => {
        queue.running -= 1;
        this.#work.delete(work);
        this.#pump(queue);
      });
      this.#work.add(work);
    }
  }

  async #run(queue: EntityQueue, key: string, expiresAt: number, refresh: Cache['refresh']): Promise<void> {
    const { redis, counters, logger } = this.options;
    const entity = queue.rules.entity.name;
    try {
      const answer = await mark(redis, queue.rules, key, expiresAt);
      if (answer === 'over') counters.add('refresh_capped');
      if (answer !== 'granted') return;
      const [result] = (await refresh([key], { replaces: new Map([[key, expiresAt]]) })) as [RefreshOutcome];
      noteOutcome(this.options, { entity, way: 'process' }, result, expiresAt);
      await this.#noteLoad(queue, result);
      if (result.outcome === 'refreshed' && this.#unread.size < REMEMBERED) {
        this.#unread.set(key, result.expiresAt ?? 0);
      }
    } catch (error) {
      const message = 'a refresh in this process failed; the entry expires or is refreshed later';
      logger.debug({ entity, error: coerceError(error).name }, message);
    }
  }

  /** Records the load, so that every process leaves a failing source alone. */
  async #noteLoad(queue: EntityQueue, { outcome }: RefreshOutcome): Promise<void> {
    const { dueSet } = this.options;
    const { name } = queue.rules.entity;
    if (outcome === 'failed') {
      queue.failing = true;
      queue.pausedUntil = await dueSet.noteLoads(name, 0, 1);
      if (queue.pausedUntil > 0) queue.waiting.clear();
    } else if (queue.failing && (outcome === 'refreshed' || outcome === 'gone')) {
      queue.failing = false;
      await dueSet.noteLoads(name, 1, 0);
    }
  }
}
