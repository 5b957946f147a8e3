import { randomBytes } from 'node:crypto';
import { DAY, SECOND } from '../../clock';
import { coerceError } from '../../errors';
import { outsideCalls } from '../../outside-calls';
import type { RedisClient } from '../../redis/types';
import destroyText from '../lua/destroy.lua';
import revokeText from '../lua/revoke.lua';
import type { SessionRules } from '../options';

/** A failover may bring a destroyed record back, so each revocation is repeated this long after it was done. */
const REPEAT_AFTER_MS = [1, 5, 15, 30].map((seconds) => seconds * SECOND);
const TICK_MS = SECOND / 2;
/** The most revocations that are kept; far more than a process makes in the time they are kept. */
const REVOCATIONS_LIMIT = 20_000;

type Pipeline = ReturnType<RedisClient['pipeline']>;

interface Revocation {
  /** The key whose node runs it. */
  readonly key: string;
  /** True if it destroys a record: this process then refuses the session at once. */
  readonly destroys: boolean;
  readonly startedAt: number;
  run(): Promise<unknown>;
  dueAt: number;
  /** How often it was repeated. */
  repeats: number;
  failing: boolean;
}

/**
 * Destroys records and revokes users, on a connection of its own. A replica confirms each revocation if there is one.
 * Each is repeated for half a minute because of failovers, and stays pending while Redis is unavailable.
 */
export class Revocations {
  readonly #revocations = new Map<string, Revocation>();
  #client: RedisClient | undefined;
  #timer: NodeJS.Timeout | undefined;
  #ticking = false;
  #closed = false;

  constructor(private readonly rules: SessionRules) {}

  /** True if this process has destroyed the record a short time ago. */
  isDestroyed(key: string): boolean {
    return this.#revocations.get(key)?.destroys ?? false;
  }

  /** Destroys a record and returns it; '' if there was none. Rejects if the result is unknown; then it stays pending. */
  async destroy(key: string): Promise<string> {
    const send = async () => String((await this.#send(key, (p) => p.eval(destroyText, 1, key))) ?? '');
    return this.#start(key, key, true, send);
  }

  /** Destroys a record after a delay. Its expiry in Redis does the same, unless a failover brings the record back. */
  destroyLater(key: string, afterMs: number): void {
    const run = () => this.#send(key, (p) => p.eval(destroyText, 1, key));
    const dueAt = performance.now() + afterMs;
    this.#remember(`later ${key}`, { key, destroys: false, startedAt: dueAt, run, dueAt, repeats: 0, failing: false });
  }

  /**
   * Replaces the user's login generation. Returns the new one and the one before. `atOnce` runs before the wait for a
   * replica. Rejects if the result is unknown; then it stays pending.
   */
  async revoke(
    user: string,
    atOnce?: (generation: string, before: string) => Promise<unknown>,
  ): Promise<{ generation: string; before: string }> {
    const { keys, keepMs } = this.rules;
    const [key, index] = [keys.loginGenerationOf(user), keys.indexOf(user)];
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
    return this.#start(key, key, false, send);
  }

  async #start<T>(name: string, key: string, destroys: boolean, run: () => Promise<T>): Promise<T> {
    const startedAt = performance.now();
    const revocation: Revocation = { key, destroys, startedAt, run, dueAt: Infinity, repeats: 0, failing: true };
    this.#remember(name, revocation);
    try {
      const result = await run();
      revocation.failing = false;
      return result;
    } finally {
      revocation.dueAt = performance.now() + (REPEAT_AFTER_MS[0] as number);
    }
  }

  #remember(name: string, revocation: Revocation): void {
    if (this.#revocations.size >= REVOCATIONS_LIMIT) {
      const oldest = this.#revocations.keys().next().value as string;
      if (this.#revocations.get(oldest)?.failing) {
        const message = 'too many pending revocations: dropped the oldest; its session may still be alive';
        this.rules.logger.error({ limit: REVOCATIONS_LIMIT }, message);
      }
      this.#revocations.delete(oldest);
    }
    this.#revocations.delete(name);
    this.#revocations.set(name, revocation);
    if (this.#timer || this.#closed) return;
    this.#timer = outsideCalls(() => setInterval(() => void this.#tick(), TICK_MS)).unref();
  }

  async #tick(): Promise<void> {
    if (this.#ticking) return;
    this.#ticking = true;
    const now = performance.now();
    for (const [name, revocation] of this.#revocations) {
      if (revocation.dueAt > now) continue;
      if (!(await this.#repeat(revocation))) break; // Redis is unavailable: each of the others would wait for its deadline
      const next = REPEAT_AFTER_MS[revocation.repeats];
      if (next === undefined || now - revocation.startedAt > DAY) this.#revocations.delete(name);
      else revocation.dueAt = now + next;
    }
    if (this.#revocations.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
    this.#ticking = false;
  }

  async #repeat(revocation: Revocation): Promise<boolean> {
    try {
      await revocation.run();
      // The repeats start after the first success, because a failover may still be running.
      if (revocation.failing) revocation.repeats = 0;
      else revocation.repeats += 1;
      revocation.failing = false;
      return true;
    } catch (thrown) {
      revocation.failing = true;
      const message = 'a revocation is still pending; it is retried until Redis confirms it';
      this.rules.logger.warn({ error: coerceError(thrown).message }, message);
      return false;
    }
  }

  /** Runs one script, then WAIT on the same connection, because WAIT covers the writes of its connection. */
  async #send(key: string, command: (pipeline: Pipeline) => unknown, done?: (reply: unknown) => Promise<unknown>) {
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
    // EXISTS routes the pipeline to the key's node on a cluster.
    const waiting = client.pipeline().exists(key).call('WAIT', '1', replicaWaitMs);
    const [, replicas = 0] = await this.#exec(waiting, replicaWaitMs * 2).catch(() => []); // done, but not confirmed by a replica
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

  /** A frozen node keeps its connection open. The next attempt connects again and finds the current node. */
  #forget(client: RedisClient): void {
    client.disconnect();
    if (this.#client === client) this.#client = undefined;
  }

  /** Closes the connection. Revocations that are still pending are lost with the process. */
  close(): void {
    this.#closed = true;
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#client?.disconnect();
    this.#client = undefined;
  }
}
