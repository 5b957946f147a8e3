import { setTimeout as sleep } from 'node:timers/promises';
import { createCache } from '../../../src/cache';
import { systemClock } from '../../../src/clock';
import { entityRegistry } from '../../../src/entities/registry';
import { errorCode } from '../../../src/errors';
import { silentLogger } from '../../../src/logger';
import { createRedis, defineScript, type RedisHandle } from '../../../src/redis';
import { createSessionStore } from '../../../src/sessions';
import { readSettings } from '../../../src/settings';

/** How long any caller waits; also what no call may exceed by more than a busy machine's share. */
export const DEADLINE_MS = 500;
const PAUSE_MS = 10;
/** Enough keys that every master of a small cluster has several. */
const KEYS = 24;

export interface Outcome {
  /** Calls that succeeded, and those that failed by their code. */
  readonly calls: number;
  readonly errors: Readonly<Record<string, number>>;
  /** Longest time in which one key's writes all failed. */
  readonly withoutServiceMs: number;
  /** The longest single call. */
  readonly longestCallMs: number;
  /** Reads by the library that gave less than what was written or invalidated before they began. */
  readonly olderReads: number;
  /** Of them the one that was older by most. */
  readonly oldestMs: number;
}

const put = defineScript<number>('ha-put', {
  keys: 1,
  writes: true,
  repeatable: true,
  lua: "redis.call('SET', KEYS[1], ARGV[2], 'PX', 60000) return 1",
});

/**
 * Callers of the library, going on through whatever happens: scripts that write, cached reads whose source changes and
 * is invalidated, and sessions.
 */
export class Load {
  readonly redis: RedisHandle;
  readonly #cache;
  readonly #sessions;
  readonly #callers: Promise<void>[] = [];
  readonly #errors: Record<string, number> = {};
  readonly #lastWrite = new Map<number, number>();
  /** What the source holds, and when the last invalidation that the library acknowledged for it ended. */
  readonly #source = new Map<number, { value: number; acknowledged: number; at: number }>();
  #calls = 0;
  #gap = 0;
  #longest = 0;
  #older = 0;
  #oldestMs = 0;
  #stopped = false;

  constructor(environment: Readonly<Record<string, string>>) {
    const settings = readSettings({ REDIS_DEADLINE_MS: `${DEADLINE_MS}`, ...environment });
    this.redis = createRedis({ settings, logger: silentLogger, role: 'ha' });
    const options = { deadlineMs: DEADLINE_MS };
    this.#cache = createCache({
      ...{ redis: this.redis, entities: entityRegistry([]), logger: silentLogger, clock: systemClock, options },
    });
    this.#sessions = createSessionStore({ redis: this.redis });
  }

  async start(): Promise<void> {
    await this.redis.ready(10_000);
    for (let key = 0; key < KEYS; key += 1) {
      this.#source.set(key, { value: 0, acknowledged: 0, at: 0 });
      this.#callers.push(this.#write(key), this.#read(key));
    }
    for (let user = 0; user < 4; user += 1) this.#callers.push(this.#browse(user));
  }

  /** Resolves when every key is written again since now; rejects after `ms`. */
  async served(ms: number): Promise<void> {
    const since = performance.now();
    const all = () => [...this.#lastWrite.values()].filter((at) => at > since).length === KEYS;
    while (!all()) {
      if (performance.now() - since > ms) throw new Error(`not every key could be written within ${ms} ms`);
      await sleep(PAUSE_MS);
    }
  }

  async stop(): Promise<Outcome> {
    this.#stopped = true;
    await Promise.all(this.#callers);
    await this.#cache.close();
    this.#sessions.close();
    await this.redis.close();
    return {
      calls: this.#calls,
      errors: this.#errors,
      withoutServiceMs: Math.round(this.#gap),
      longestCallMs: Math.round(this.#longest),
      olderReads: this.#older,
      oldestMs: Math.round(this.#oldestMs),
    };
  }

  async #call<T>(work: () => Promise<T>): Promise<{ value: T } | undefined> {
    const began = performance.now();
    this.#calls += 1;
    try {
      return { value: await work() };
    } catch (error) {
      const code = errorCode(error);
      this.#errors[code] = (this.#errors[code] ?? 0) + 1;
      return undefined;
    } finally {
      this.#longest = Math.max(this.#longest, performance.now() - began);
    }
  }

  async #write(key: number): Promise<void> {
    this.#lastWrite.set(key, performance.now());
    for (let value = 1; !this.#stopped; value += 1) {
      const done = await this.#call(() => this.redis.run('work', put, [`work:{ha-${key}}`], [value]));
      const now = performance.now();
      if (done) {
        this.#gap = Math.max(this.#gap, now - (this.#lastWrite.get(key) ?? now));
        this.#lastWrite.set(key, now);
      }
      await sleep(PAUSE_MS);
    }
  }

  async #read(key: number): Promise<void> {
    const name = `ha:entry:${key}`;
    const source = this.#source.get(key);
    if (source === undefined) return;
    for (let turn = 0; !this.#stopped; turn += 1) {
      if (turn % 5 === 0) {
        const value = source.value + 1;
        source.value = value;
        if (await this.#call(() => this.#cache.delete(name))) {
          source.acknowledged = value;
          source.at = performance.now();
        }
      }
      const { acknowledged, at } = source;
      const read = await this.#call(() => this.#cache.get(name, async () => source.value));
      if (read && Number(read.value) < acknowledged) {
        this.#older += 1;
        this.#oldestMs = Math.max(this.#oldestMs, performance.now() - at);
      }
      await sleep(PAUSE_MS);
    }
  }

  async #browse(user: number): Promise<void> {
    const cookie = { originalMaxAge: 60_000, path: '/' };
    for (let visit = 0; !this.#stopped; visit += 1) {
      const sid = `ha-${user}-${visit % 20}`;
      await this.#call(() => this.#sessions.set(sid, { cookie, visit } as never));
      await this.#call(() => this.#sessions.get(sid));
      await sleep(PAUSE_MS);
    }
  }
}
