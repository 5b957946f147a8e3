import { SECOND } from '../../clock';
import { entryAndLease } from '../../entities/key';
import { coerceError } from '../../errors';
import type { Logger } from '../../logger';
import { isRedisUnavailable } from '../../redis/errors';
import type { Script } from '../../redis/scripts/script';
import type { RedisHandle } from '../../redis/types';
import { type AcquireReply, acquireScript, fillScript, releaseScript } from '../entry/cache-scripts';
import type { Encoded } from '../entry/codec';
import { entryTail, headerOf } from '../entry/entry-format';
import type { PendingInvalidations } from '../invalidate/pending-invalidations';
import type { TagGenerations } from '../invalidate/tag-generations';
import type { Versions } from '../write/versions';
import type { InFlightLoads, Stored } from './in-flight-loads';
import { type Grant, type LoadRequest, lifeOf, physicalMs } from './load-request';

/** A lease outlives its load by this, so that the result can still be stored. */
export const LEASE_MARGIN_MS = 1_000;
/** Length of the createdAt that a lease begins with. */
const CREATED_AT_LENGTH = 13;

export interface LeasesOptions {
  readonly redis: RedisHandle;
  readonly logger: Logger;
  readonly pending: PendingInvalidations;
  readonly generations: TagGenerations;
  readonly inFlightLoads: InFlightLoads;
  readonly versions: Versions;
}

/** If two processes miss the same key, one gets the key's lease and loads; the other one waits for its entry. */
export class Leases {
  readonly #held = new Set<Grant>();

  constructor(private readonly options: LeasesOptions) {}

  /**
   * Asks Redis for the lease. A grant has its in-flight load started. `sent` is called just before the first command is
   * sent: later callers must not share this answer, because they may have seen an invalidation that it does not.
   */
  async acquire(
    request: LoadRequest,
    deadlineMs: number,
    sent: () => void,
  ): Promise<Grant | Exclude<AcquireReply, ['lease', ...unknown[]]>> {
    const { redis, pending, generations, inFlightLoads, versions } = this.options;
    const { key, options, unusable } = request;
    const started = performance.now();
    const token = inFlightLoads.token();
    await Promise.resolve(); // Callers of the same tick share the answer.
    sent();
    const minCreatedAtMs = await generations.ensure(request.generations, physicalMs(options), deadlineMs);
    const left = Math.max(1, deadlineMs - (performance.now() - started));
    const leaseMs = Math.ceil(options.hardTimeoutMs + LEASE_MARGIN_MS);
    const header = unusable === undefined ? '' : headerOf(unusable);
    const args = [token, leaseMs, header, minCreatedAtMs, versions.writer];
    const run = () => redis.run('cache', acquireScript, entryAndLease(key), args, { deadlineMs: left });
    let reply = await run();
    // After a failover the new primary may still hold an entry that this process has deleted.
    const repairing = reply[0] === 'entry' ? pending.repair(key) : undefined;
    if (repairing !== undefined) {
      await repairing;
      reply = await run();
    }
    if (reply[0] !== 'lease') return reply;
    const [, lease, version] = reply;
    const grant: Grant = { request, inFlight: inFlightLoads.start(lease), lease, version, minCreatedAtMs };
    this.#held.add(grant);
    return grant;
  }

  /** Stores a loaded value if the lease is still held. `gone`: the source has no value. Never throws. */
  async fill(grant: Grant, encoded: Encoded, costMs: number, gone: boolean, version: string): Promise<Stored> {
    this.#held.delete(grant);
    const { request, lease, minCreatedAtMs } = grant;
    const lifeMs = lifeOf(request.options, gone);
    const reply = await this.#run(fillScript, request, [
      lease,
      version,
      minCreatedAtMs,
      lifeMs,
      lifeMs + (gone ? 0 : Math.round(request.options.graceSeconds * SECOND)),
      encoded.flags.toString(16).toUpperCase(),
      lease.slice(0, CREATED_AT_LENGTH),
      entryTail(costMs, request.tags, encoded.payload),
    ]);
    if (reply?.[0] === 'filled') return { outcome: gone ? 'gone' : 'refreshed', expiresAt: Number(reply[1]) };
    if (reply?.[0] === 'foreign') request.keyPolicy.counters.foreign += 1;
    return { outcome: reply === undefined ? 'failed' : 'superseded' };
  }

  /** Gives the lease back. For `shareMs` other processes learn that the load failed, with `code`. Never throws. */
  async release(grant: Grant, shareMs = 0, code = ''): Promise<void> {
    this.#held.delete(grant);
    await this.#run(releaseScript, grant.request, [grant.lease, shareMs, code]);
  }

  /** Gives every lease back whose load still runs, so that other processes need not wait until it ends by itself. */
  async close(): Promise<void> {
    await Promise.all([...this.#held].map((grant) => this.release(grant)));
  }

  /** A failure is only counted or logged: the caller has its value, and the lease ends by itself. */
  async #run<T>(script: Script<T>, request: LoadRequest, args: (string | number)[]): Promise<T | undefined> {
    try {
      return await this.options.redis.run('cache', script, entryAndLease(request.key), args);
    } catch (error) {
      if (isRedisUnavailable(error)) request.keyPolicy.counters.deadlineMisses += 1;
      else {
        const message = 'storing a loaded value failed: callers have the value, the next read loads it again';
        this.options.logger.warn({ error: coerceError(error).message }, message);
      }
      return undefined;
    }
  }
}
