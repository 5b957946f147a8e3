import type { Cluster } from 'ioredis';
import type { Clock } from '../../clock';
import { physicalKey } from '../../entities/key';
import { coerceError } from '../../errors';
import type { Logger } from '../../logger';
import { addressOf, isCluster, slotAddress } from '../../redis/connection/nodes';
import { isRetryableWrite } from '../../redis/errors';
import { slotOf } from '../../redis/slot';
import type { RedisHandle } from '../../redis/types';

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
  /** Of what it is about; undefined where that may be on any master. */
  readonly slot: number | undefined;
  failed: boolean;
  /** Who had taken it: {@link Identity} when it was answered; '' while it was not. */
  takenBy: string;
}

/**
 * Invalidations that Redis may not have: those that it did not take, and those of the last seconds before a connection
 * came back, since the node behind it may be another one. They are issued again as soon as Redis takes them.
 */
export class Owed {
  readonly #debts = new Map<string, Debt>();
  #timer: NodeJS.Timeout | undefined;
  readonly #identity: Identity;
  #paying = false;
  /** All servers, when they were last looked at. */
  #seen = '';
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

  /**
   * True where the key's invalidation failed, or was acknowledged by a server that another has taken the place of
   * since: what is read there may be older.
   */
  isBehind(key: string): boolean {
    const debt = this.#debts.size === 0 ? undefined : this.#debts.get(key);
    if (debt === undefined) return false;
    // A failed one stands in for those before it, which may have been acknowledged.
    return debt.failed || (debt.takenBy !== '' && debt.takenBy !== this.#identity.behind(debt.slot));
  }

  /** Issues the key's invalidation again, without waiting for its turn. */
  async payFor(key: string): Promise<void> {
    const debt = this.#debts.get(key);
    if (debt !== undefined) await this.#payOne(debt);
  }

  /** Failed ones that wait for Redis. */
  get failed(): number {
    let count = 0;
    for (const debt of this.#debts.values()) if (debt.failed) count += 1;
    return count;
  }

  /** What {@link incur} does, of one key. */
  ofKey<T>(key: string, work: () => Promise<T>, again: () => Promise<unknown> = work): Promise<T> {
    return this.incur(key, physicalKey(key), work, again);
  }

  /**
   * Runs `work`, and remembers `again` as what must be issued once more if it is lost. `name` is what it is about: a
   * logical key, or what begins with a colon, as no key does. A later debt of the same name takes the place of an earlier
   * one. `physical`: the key of Redis that it changes, undefined where those are many. Throws what `work` threw.
   */
  async incur<T>(
    name: string,
    physical: string | undefined,
    work: () => Promise<T>,
    again: () => Promise<unknown> = work,
  ): Promise<T> {
    const slot = physical === undefined ? undefined : slotOf(physical);
    const debt: Debt = { again, at: this.options.clock.now(), slot, failed: false, takenBy: '' };
    this.#keep(name, debt);
    try {
      const result = await work();
      debt.takenBy = this.#identity.behind(debt.slot);
      return result;
    } catch (error) {
      if (isRetryableWrite(error)) debt.failed = true;
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
      // It throws only where the connection was closed for good: then nothing can be issued any more.
      this.#timer = setInterval(() => void this.#look().catch(() => this.close()), LOOK_EVERY_MS);
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
      this.#mark();
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

  /** What a server had taken in whose place another may be now is owed again. */
  #mark(): void {
    const all = this.#identity.ofAll();
    if (all === this.#seen) return;
    this.#seen = all;
    for (const debt of this.#debts.values()) {
      // Not answered yet: `incur` sees to it.
      if (debt.takenBy !== '' && debt.takenBy !== this.#identity.behind(debt.slot)) debt.failed = true;
    }
  }

  /** Those that fail go to the end of the line: one node's must not hold up another's. */
  async #pay(): Promise<void> {
    let failures = 0;
    for (const [name, debt] of [...this.#debts]) {
      if (!debt.failed || this.#debts.get(name) !== debt) continue;
      try {
        await this.#payOne(debt);
      } catch (error) {
        if (this.#debts.get(name) !== debt) continue;
        this.#debts.delete(name);
        if (isRetryableWrite(error)) this.#debts.set(name, debt);
        else this.options.logger.warn({ error: coerceError(error).message }, 'an owed invalidation was refused');
        failures += 1;
        if (failures >= MAX_FAILURES) return;
      }
    }
  }

  async #payOne(debt: Debt): Promise<void> {
    await debt.again();
    debt.failed = false;
    debt.takenBy = this.#identity.behind(debt.slot);
  }
}

/** Tells the servers behind the connection apart: another text means that one of them may be another machine now. */
class Identity {
  readonly #ids = new WeakMap<object, string>();
  #count = 0;
  /** A cluster's nodes by address, until one comes or goes: reads of a batch that was just written ask for each key. */
  #nodes: Map<string, string> | undefined;
  #watched: Cluster | undefined;

  constructor(private readonly redis: RedisHandle) {}

  /** Behind a debt: the master that has its key's slot, or all of them where it is about more. */
  behind(slot: number | undefined): string {
    const client = this.redis.client('cache');
    if (!isCluster(client) || slot === undefined) return this.ofAll();
    return this.#nodesOf(client).get(slotAddress(client, slot) ?? '') ?? 'away';
  }

  ofAll(): string {
    const client = this.redis.client('cache');
    // A cluster client makes a new connection object for a node that came back.
    if (isCluster(client))
      return client
        .nodes('master')
        .map((node) => this.#id(node))
        .sort()
        .join();
    // Whoever answers next may be another: until then nothing is forgotten.
    return client.status === 'ready' ? this.#id(client.stream) : 'away';
  }

  #nodesOf(client: Cluster): Map<string, string> {
    if (this.#watched !== client) {
      this.#watched = client;
      this.#nodes = undefined;
      const forget = () => {
        this.#nodes = undefined;
      };
      client.on('+node', forget).on('-node', forget);
    }
    this.#nodes ??= new Map(client.nodes().map((node) => [addressOf(node), this.#id(node)]));
    return this.#nodes;
  }

  #id(node: object): string {
    let id = this.#ids.get(node);
    if (id === undefined) {
      this.#count += 1;
      id = `${this.#count}`;
      this.#ids.set(node, id);
    }
    return id;
  }
}
