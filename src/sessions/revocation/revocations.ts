import { randomBytes } from 'node:crypto';
import { DAY, SECOND } from '../../clock';
import { coerceError } from '../../errors';
import type { RedisClient } from '../../redis/types';
import destroyText from '../lua/destroy.lua';
import revokeText from '../lua/revoke.lua';
import type { SessionRules } from '../options';

/** A failover may bring back what the lost master had taken away: so each is repeated this long after it was done. */
const REPEAT_AFTER_MS = [1, 5, 15, 30].map((seconds) => seconds * SECOND);
const TICK_MS = SECOND / 2;
/** Orders kept at most; far beyond what a process gives in the time they are kept. */
const ORDERS_LIMIT = 20_000;

type Pipeline = ReturnType<RedisClient['pipeline']>;

interface Order {
  /** The key whose node carries it out. */
  readonly key: string;
  /** A destroyed record, which this process denies at once. */
  readonly destroys: boolean;
  readonly givenAt: number;
  carryOut(): Promise<unknown>;
  dueAt: number;
  /** Times it was carried out after the first. */
  repeats: number;
  failing: boolean;
}

/**
 * Destroying and revoking: on a connection of their own, confirmed by a replica where there are any, repeated for
 * half a minute against a failover, and owed until done where Redis was away.
 */
export class Revocations {
  readonly #orders = new Map<string, Order>();
  #client: RedisClient | undefined;
  #timer: NodeJS.Timeout | undefined;
  #ticking = false;
  #closed = false;

  constructor(private readonly rules: SessionRules) {}

  /** Destroyed by this process, and not long ago. */
  isDestroyed(key: string): boolean {
    return this.#orders.get(key)?.destroys ?? false;
  }

  /** Destroys a record and gives it as it was, '' where there was none. Rejects where that isn't certain; owed then. */
  async destroy(key: string): Promise<string> {
    const send = async () => String((await this.#send(key, (p) => p.eval(destroyText, 1, key))) ?? '');
    return this.#give(key, key, true, send);
  }

  /** Destroys a record when its time is up: the expiry in Redis does it too, unless a failover brings it back. */
  destroyLater(key: string, afterMs: number): void {
    const carryOut = () => this.#send(key, (p) => p.eval(destroyText, 1, key));
    const dueAt = performance.now() + afterMs;
    this.#remember(`later ${key}`, {
      key,
      destroys: false,
      givenAt: dueAt,
      carryOut,
      dueAt,
      repeats: 0,
      failing: false,
    });
  }

  /**
   * Replaces the user's generation and gives the new one with the one before. `atOnce` runs before a replica is waited
   * for. Rejects where uncertain; owed then.
   */
  async revoke(
    user: string,
    atOnce?: (generation: string, before: string) => Promise<unknown>,
  ): Promise<{ generation: string; before: string }> {
    const { keys, keepMs } = this.rules;
    const [key, index] = [keys.generationOf(user), keys.indexOf(user)];
    let repeat = '';
    const send = async () => {
      const random = (atOnce ? 'o' : 'r') + randomBytes(16).toString('base64url');
      const command = (p: Pipeline) => p.eval(revokeText, 2, key, index, random, keepMs, repeat);
      const [generation, before] = (await this.#send(key, command, async (reply) => {
        const [now, then] = reply as [string, string];
        if (repeat === '') await atOnce?.(now, then);
        repeat ||= now;
      })) as [string, string];
      return { generation, before };
    };
    return this.#give(key, key, false, send);
  }

  async #give<T>(name: string, key: string, destroys: boolean, carryOut: () => Promise<T>): Promise<T> {
    const givenAt = performance.now();
    const order: Order = { key, destroys, givenAt, carryOut, dueAt: Infinity, repeats: 0, failing: true };
    this.#remember(name, order);
    try {
      const result = await carryOut();
      order.failing = false;
      return result;
    } finally {
      order.dueAt = performance.now() + (REPEAT_AFTER_MS[0] as number);
    }
  }

  #remember(name: string, order: Order): void {
    if (this.#orders.size >= ORDERS_LIMIT) {
      const oldest = this.#orders.keys().next().value as string;
      if (this.#orders.get(oldest)?.failing) {
        this.rules.logger.error({ limit: ORDERS_LIMIT }, 'a session could not be revoked and is given up');
      }
      this.#orders.delete(oldest);
    }
    this.#orders.delete(name);
    this.#orders.set(name, order);
    if (this.#timer || this.#closed) return;
    this.#timer = setInterval(() => void this.#tick(), TICK_MS);
    this.#timer.unref();
  }

  async #tick(): Promise<void> {
    if (this.#ticking) return;
    this.#ticking = true;
    const now = performance.now();
    for (const [name, order] of this.#orders) {
      if (order.dueAt > now) continue;
      if (!(await this.#repeat(order))) break; // Redis is away: the others would wait for it one by one
      const next = REPEAT_AFTER_MS[order.repeats];
      if (next === undefined || now - order.givenAt > DAY) this.#orders.delete(name);
      else order.dueAt = now + next;
    }
    if (this.#orders.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
    this.#ticking = false;
  }

  async #repeat(order: Order): Promise<boolean> {
    try {
      await order.carryOut();
      // What failed so far counts from now on: a failover may still be under way.
      if (order.failing) order.repeats = 0;
      else order.repeats += 1;
      order.failing = false;
      return true;
    } catch (thrown) {
      order.failing = true;
      this.rules.logger.warn({ error: coerceError(thrown).message }, 'a revocation is still owed');
      return false;
    }
  }

  /** One script, and then WAIT on the same connection: it speaks of what this connection wrote. */
  async #send(
    key: string,
    command: (pipeline: Pipeline) => unknown,
    done?: (reply: unknown) => Promise<unknown>,
  ): Promise<unknown> {
    const { redis, replicaWaitMs } = this.rules;
    this.#client ??= redis.dedicated('sessions', 'revocations');
    const client = this.#client;
    const pipeline = client.pipeline();
    command(pipeline);
    pipeline.info('replication');
    const [result, replication] = await this.#exec(pipeline).catch((error: unknown) => {
      this.#forget(client);
      throw error;
    });
    await done?.(result);
    if (!/^connected_slaves:[1-9]/m.test(String(replication))) return result;
    // EXISTS brings the pipeline to the key's node on a cluster.
    const waiting = client.pipeline().exists(key).call('WAIT', '1', replicaWaitMs);
    const [, replicas = 0] = await this.#exec(waiting, replicaWaitMs * 2).catch(() => []); // done, but unconfirmed
    if (Number(replicas) < 1) this.rules.counters?.add('sessions_unreplicated_revocations');
    return result;
  }

  #exec(pipeline: Pipeline, deadlineMs?: number): Promise<unknown[]> {
    const replies = pipeline.exec().then((each) =>
      (each ?? []).map(([error, reply]) => {
        if (error) throw error;
        return reply;
      }),
    );
    return this.rules.redis.within(replies, deadlineMs === undefined ? {} : { deadlineMs });
  }

  /** A frozen node keeps its connection open for ever; the next attempt asks anew who is there. */
  #forget(client: RedisClient): void {
    client.disconnect();
    if (this.#client === client) this.#client = undefined;
  }

  /** Ends the connection. What is still owed is lost with the process. */
  close(): void {
    this.#closed = true;
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#client?.disconnect();
    this.#client = undefined;
  }
}
