import type { Cluster } from 'ioredis';
import type { Clock } from '../../clock';
import { physicalKey } from '../../entities/key';
import { coerceError } from '../../errors';
import type { Logger } from '../../logger';
import { outsideCalls } from '../../outside-calls';
import { addressOf, isCluster, slotAddress } from '../../redis/connection/nodes';
import { isRetryableWrite } from '../../redis/errors';
import { slotOf } from '../../redis/slot';
import type { RedisHandle } from '../../redis/types';

/** A failover may lose what was acknowledged this long before it, so invalidations are kept for this long, in ms. */
const RECENT_MS = 5_000;
/** At most this many are kept. Beyond it the oldest is dropped, and only the TTL bounds its staleness. */
const MAX_KEPT = 10_000;
const CHECK_EVERY_MS = 200;
/** A round of retries ends after this many failures. */
const MAX_FAILURES = 100;

interface PendingInvalidation {
  /** Sends it again. Must be safe to repeat, however late. */
  readonly resend: () => Promise<unknown>;
  readonly issuedAt: number;
  /** Slot of the key; undefined if it concerns keys on any master. */
  readonly slot: number | undefined;
  /** Redis did not take it, or the server that took it has been replaced. */
  failed: boolean;
  /** The {@link ServerIdentity} that acknowledged it; '' until then. */
  acknowledgedBy: string;
}

/**
 * Invalidations that Redis may not have: those it did not take, and those of the last seconds before a node was
 * replaced, since the new node may never have received them. They are sent again as soon as Redis takes them.
 */
export class PendingInvalidations {
  /** By logical key, or by a name that begins with a colon, as no key does. */
  readonly #pending = new Map<string, PendingInvalidation>();
  #timer: NodeJS.Timeout | undefined;
  readonly #identity: ServerIdentity;
  #isChecking = false;
  /** All servers at the last check. */
  #lastIdentity = '';
  #hasWarned = false;

  constructor(
    private readonly options: {
      readonly redis: RedisHandle;
      readonly clock: Clock;
      readonly logger: Logger;
      /** Whether a node is known to be unavailable: it may have lost what it acknowledged. */
      readonly isUnavailable: () => boolean;
    },
  ) {
    this.#identity = new ServerIdentity(options.redis);
  }

  /** Whether Redis refused or missed the last invalidation of that name, so that it waits for a retry. */
  hasFailed(name: string): boolean {
    return this.#pending.get(name)?.failed === true;
  }

  /**
   * Retries the key's invalidation now if what Redis holds may be older than it: because it failed, or because another
   * server has replaced the one that acknowledged it. Undefined if there is nothing to retry.
   */
  repair(key: string): Promise<void> | undefined {
    if (this.#pending.size === 0) return undefined;
    const pending = this.#pending.get(key);
    if (pending === undefined) return undefined;
    // A failed one may have replaced an acknowledged one of the same key.
    return pending.failed || this.#isLost(pending) ? this.#resend(pending) : undefined;
  }

  /** {@link track} for one logical key. */
  trackKey<T>(key: string, send: () => Promise<T>, resend: () => Promise<unknown> = send): Promise<T> {
    return this.track(key, physicalKey(key), send, resend);
  }

  /**
   * Runs `send`, and keeps `resend` in case the invalidation fails or is lost. A later call with the same name replaces
   * an earlier one. `physical` is the Redis key it changes, undefined if there are many. Throws what `send` throws.
   */
  async track<T>(
    name: string,
    physical: string | undefined,
    send: () => Promise<T>,
    resend: () => Promise<unknown> = send,
  ): Promise<T> {
    const slot = physical === undefined ? undefined : slotOf(physical);
    const issuedAt = this.options.clock.now();
    const pending: PendingInvalidation = { resend, issuedAt, slot, failed: false, acknowledgedBy: '' };
    this.#keep(name, pending);
    try {
      const result = await send();
      pending.acknowledgedBy = this.#identity.of(pending.slot);
      return result;
    } catch (error) {
      if (isRetryableWrite(error)) pending.failed = true;
      else if (this.#pending.get(name) === pending) this.#pending.delete(name);
      throw error;
    }
  }

  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #keep(name: string, pending: PendingInvalidation): void {
    this.#pending.delete(name);
    if (this.#pending.size >= MAX_KEPT) this.#dropOldest();
    this.#pending.set(name, pending);
    if (this.#timer === undefined) {
      // A check throws only after the connection was closed for good. Then nothing can be sent any more.
      this.#timer = outsideCalls(() =>
        setInterval(() => void this.#check().catch(() => this.close()), CHECK_EVERY_MS),
      ).unref();
    }
  }

  #dropOldest(): void {
    const [oldest] = this.#pending.keys();
    if (oldest === undefined) return;
    this.#pending.delete(oldest);
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    this.options.logger.warn(
      { kept: MAX_KEPT },
      'too many pending invalidations: the oldest are dropped, so their keys may be stale until their TTL ends',
    );
  }

  async #check(): Promise<void> {
    if (this.#isChecking) return;
    this.#isChecking = true;
    try {
      this.#markLost();
      await this.#retryFailed();
    } finally {
      this.#isChecking = false;
    }
    if (this.options.isUnavailable()) return;
    const now = this.options.clock.now();
    for (const [name, pending] of this.#pending) {
      if (!pending.failed && Math.abs(now - pending.issuedAt) > RECENT_MS) this.#pending.delete(name);
    }
    if (this.#pending.size === 0) this.close();
  }

  /** After a server was replaced: what the old one acknowledged counts as failed. */
  #markLost(): void {
    const identity = this.#identity.ofAll();
    if (identity === this.#lastIdentity) return;
    this.#lastIdentity = identity;
    for (const pending of this.#pending.values()) if (this.#isLost(pending)) pending.failed = true;
  }

  /** Whether another server has replaced the one that acknowledged it. One without an answer yet is left to `track`. */
  #isLost({ acknowledgedBy, slot }: PendingInvalidation): boolean {
    return acknowledgedBy !== '' && acknowledgedBy !== this.#identity.of(slot);
  }

  /** What fails again moves to the end, so that one dead node does not hold up the others' invalidations. */
  async #retryFailed(): Promise<void> {
    let failures = 0;
    for (const [name, pending] of [...this.#pending]) {
      if (!pending.failed || this.#pending.get(name) !== pending) continue;
      try {
        await this.#resend(pending);
      } catch (error) {
        if (this.#pending.get(name) !== pending) continue;
        this.#pending.delete(name);
        if (isRetryableWrite(error)) this.#pending.set(name, pending);
        else {
          const message = 'Redis refused a pending invalidation: its keys may be stale until their TTL ends';
          this.options.logger.warn({ error: coerceError(error).message }, message);
        }
        failures += 1;
        if (failures >= MAX_FAILURES) return;
      }
    }
  }

  async #resend(pending: PendingInvalidation): Promise<void> {
    await pending.resend();
    pending.failed = false;
    pending.acknowledgedBy = this.#identity.of(pending.slot);
  }
}

/** Names the servers behind the connection. A different name means that one of them may be another machine now. */
class ServerIdentity {
  readonly #ids = new WeakMap<object, string>();
  #count = 0;
  /** Names of a cluster's nodes by address. Cached until a node joins or leaves, since a batch asks for every key. */
  #nodes: Map<string, string> | undefined;
  #watched: Cluster | undefined;

  constructor(private readonly redis: RedisHandle) {}

  /** The master of a slot, or all masters if `slot` is undefined. */
  of(slot: number | undefined): string {
    const client = this.redis.client('cache');
    if (!isCluster(client) || slot === undefined) return this.ofAll();
    return this.#nodesOf(client).get(slotAddress(client, slot) ?? '') ?? 'unavailable';
  }

  ofAll(): string {
    const client = this.redis.client('cache');
    // A cluster client makes a new connection object for a node that came back.
    if (isCluster(client)) {
      const ids = client.nodes('master').map((node) => this.#id(node));
      return ids.sort().join();
    }
    // The next connection may reach another server, so a broken one has an identity of its own.
    return client.status === 'ready' ? this.#id(client.stream) : 'unavailable';
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
