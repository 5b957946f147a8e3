import type { Clock } from '../clock';
import { coerceError } from '../errors';
import type { Logger } from '../logger';
import type { RedisHandle } from '../redis/types';
import { isRedisAway } from './versions';

/** What was issued this long before a node came back may have been lost with the old one. */
const RECENT_MS = 5_000;
/** More than this is not kept: the oldest are then bounded by the TTL alone. */
const MAX_KEPT = 10_000;
const LOOK_EVERY_MS = 200;
/** After this many failures a look has seen enough. */
const MAX_FAILURES = 100;

interface Debt {
  /** Issues it again. Must be safe to repeat, however late. */
  readonly again: () => Promise<unknown>;
  readonly at: number;
  failed: boolean;
  /** Who had taken it: {@link Identity} when it was answered. */
  takenBy: string;
}

/**
 * Invalidations that Redis may not have: those that failed, and those of the last seconds before a connection came
 * back, since the node behind it may be another one. They are issued again as soon as Redis answers.
 */
export class Owed {
  readonly #debts = new Map<string, Debt>();
  #timer: NodeJS.Timeout | undefined;
  readonly #identity: Identity;
  #paying = false;
  #warned = false;

  constructor(
    private readonly options: {
      readonly redis: RedisHandle;
      readonly clock: Clock;
      readonly logger: Logger;
      /** Whether a node is known to be away: what it has taken may be lost with it. */
      readonly isAway: () => boolean;
    },
  ) {
    this.#identity = new Identity(options.redis);
  }

  /** True where Redis did not take the last debt of that name. */
  isOwed(name: string): boolean {
    return this.#debts.get(name)?.failed === true;
  }

  /** Failed ones that wait for Redis. */
  get failed(): number {
    let count = 0;
    for (const debt of this.#debts.values()) if (debt.failed) count += 1;
    return count;
  }

  /**
   * Runs `work`, and remembers `again` as what must be issued once more if it is lost. `name` is what it is about: a
   * later debt of the same name takes the place of an earlier one. Throws what `work` threw.
   */
  async incur<T>(name: string, work: () => Promise<T>, again: () => Promise<unknown> = work): Promise<T> {
    const debt: Debt = { again, at: this.options.clock.now(), failed: false, takenBy: '' };
    this.#keep(name, debt);
    try {
      const result = await work();
      debt.takenBy = this.#identity.now();
      return result;
    } catch (error) {
      if (isRedisAway(error)) debt.failed = true;
      else if (this.#debts.get(name) === debt) this.#debts.delete(name);
      throw error;
    }
  }

  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #keep(name: string, debt: Debt): void {
    this.#debts.delete(name);
    if (this.#debts.size >= MAX_KEPT) this.#dropOldest();
    this.#debts.set(name, debt);
    if (this.#timer === undefined) {
      this.#timer = setInterval(() => void this.#look(), LOOK_EVERY_MS);
      this.#timer.unref();
    }
  }

  #dropOldest(): void {
    const [oldest] = this.#debts.keys();
    if (oldest === undefined) return;
    this.#debts.delete(oldest);
    if (this.#warned) return;
    this.#warned = true;
    this.options.logger.warn({ kept: MAX_KEPT }, 'too many owed invalidations: the oldest are left to their TTL');
  }

  async #look(): Promise<void> {
    if (this.#paying) return;
    this.#paying = true;
    try {
      const identity = this.#identity.now();
      for (const debt of this.#debts.values()) {
        // Not answered yet: `incur` sees to it.
        if (debt.takenBy !== '' && debt.takenBy !== identity) debt.failed = true;
      }
      await this.#pay();
    } finally {
      this.#paying = false;
    }
    if (this.options.isAway()) return;
    const now = this.options.clock.now();
    for (const [name, debt] of this.#debts) {
      if (!debt.failed && Math.abs(now - debt.at) > RECENT_MS) this.#debts.delete(name);
    }
    if (this.#debts.size === 0) this.close();
  }

  /** Those that fail go to the end of the line: one node's must not hold up another's. */
  async #pay(): Promise<void> {
    let failures = 0;
    for (const [name, debt] of [...this.#debts]) {
      if (!debt.failed || this.#debts.get(name) !== debt) continue;
      try {
        await debt.again();
        debt.failed = false;
        debt.takenBy = this.#identity.now();
      } catch (error) {
        if (this.#debts.get(name) !== debt) continue;
        this.#debts.delete(name);
        if (isRedisAway(error)) this.#debts.set(name, debt);
        else this.options.logger.warn({ error: coerceError(error).message }, 'an owed invalidation was refused');
        failures += 1;
        if (failures >= MAX_FAILURES) return;
      }
    }
  }
}

/** Tells the servers behind the connection apart: another text means that one of them may be another machine now. */
class Identity {
  readonly #ids = new WeakMap<object, number>();
  #count = 0;

  constructor(private readonly redis: RedisHandle) {}

  now(): string {
    const { redis } = this;
    const client = redis.client('cache');
    // A cluster client makes a new connection object for a node that came back.
    const nodes = 'slots' in client ? client.nodes('master') : [client];
    const ids = nodes.map((node) => this.#id(node)).sort((a, b) => a - b);
    return `${redis.events.ready}:${ids.join(',')}`;
  }

  #id(node: object): number {
    let id = this.#ids.get(node);
    if (id === undefined) {
      this.#count += 1;
      id = this.#count;
      this.#ids.set(node, id);
    }
    return id;
  }
}
