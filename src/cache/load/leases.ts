import { SECOND } from '../../clock';
import { companionKey, physicalKey } from '../../entities/key';
import { coerceError } from '../../errors';
import type { Logger } from '../../logger';
import { isRedisUnavailable } from '../../redis/errors';
import type { Script } from '../../redis/scripts/script';
import type { RedisHandle } from '../../redis/types';
import { type AcquireReply, acquireScript, fillScript, releaseScript } from '../entry/cache-scripts';
import type { Encoded } from '../entry/codec';
import { entryTail, headerOf } from '../entry/entry-format';
import type { Owed } from '../invalidate/pending-invalidations';
import type { Epochs } from '../invalidate/tag-generations';
import type { Versions } from '../write/versions';
import type { Flights, Stored } from './in-flight-loads';
import type { Ask, Grant } from './load-request';
import { lifeOf, physicalMs } from './load-request';

/** A lease outlives its load by this, so that the load's answer finds it. */
export const LEASE_MARGIN_MS = 1_000;
/** A lease begins with the stamp of its load. */
const STAMP_LENGTH = 13;

export interface LeasesOptions {
  readonly redis: RedisHandle;
  readonly logger: Logger;
  readonly owed: Owed;
  readonly epochs: Epochs;
  readonly flights: Flights;
  readonly versions: Versions;
}

/** The lease of a key in Redis: asked for, used to store, given back. */
export class Leases {
  constructor(private readonly options: LeasesOptions) {}

  /**
   * One run of the script. `sent` is called just before anything goes out: whoever comes later may have seen an
   * invalidation that the epochs read here, or the lease, know nothing of. A grant has its flight opened.
   */
  async acquire(
    ask: Ask,
    deadlineMs: number,
    sent: () => void,
  ): Promise<Grant | Exclude<AcquireReply, ['lease', ...unknown[]]>> {
    const { redis, owed, epochs, flights, versions } = this.options;
    const { policy, key, unusable } = ask;
    const started = performance.now();
    const token = flights.token();
    await Promise.resolve(); // those of the same tick share the answer
    sent();
    const least = await epochs.open(ask.epochs, physicalMs(policy), deadlineMs);
    const left = Math.max(1, deadlineMs - (performance.now() - started));
    const leaseMs = policy.hardTimeoutMs + LEASE_MARGIN_MS;
    const args = [token, Math.ceil(leaseMs), unusable === undefined ? '' : headerOf(unusable), least, versions.writer];
    const run = () => redis.run('cache', acquireScript, keysOf(key), args, { deadlineMs: left });
    let reply = await run();
    if (reply[0] === 'entry' && owed.isBehind(key)) {
      // The read met the server that had taken it away, and this one never heard of that.
      await owed.payFor(key);
      reply = await run();
    }
    if (reply[0] !== 'lease') return reply;
    return { ask, flight: flights.open(reply[1]), lease: reply[1], version: reply[2], least };
  }

  /** Stores what was loaded, if the lease is still there. Never throws. */
  async fill(grant: Grant, encoded: Encoded, costMs: number, gone: boolean, version: string): Promise<Stored> {
    const { ask, lease, least } = grant;
    const lifeMs = lifeOf(ask.policy, gone);
    const reply = await this.#run(fillScript, ask, [
      lease,
      version,
      least,
      lifeMs,
      lifeMs + (gone ? 0 : Math.round(ask.policy.graceSeconds * SECOND)),
      encoded.flags.toString(16).toUpperCase(),
      lease.slice(0, STAMP_LENGTH),
      entryTail(costMs, ask.tags, encoded.payload),
    ]);
    if (reply?.[0] === 'filled') return { outcome: gone ? 'gone' : 'refreshed', expiresAt: Number(reply[1]) };
    if (reply?.[0] === 'foreign') ask.plan.meter.foreign += 1;
    return { outcome: reply === undefined ? 'failed' : 'superseded' };
  }

  /** Gives the lease back. For `shareMs` others are told that the load failed. Never throws. */
  async release(grant: Grant, shareMs = 0, code = ''): Promise<void> {
    await this.#run(releaseScript, grant.ask, [grant.lease, shareMs, code]);
  }

  /** The value was loaded all the same, and the lease ends by itself: what goes wrong here is only told. */
  async #run<T>(script: Script<T>, { key, plan }: Ask, args: (string | number)[]): Promise<T | undefined> {
    try {
      return await this.options.redis.run('cache', script, keysOf(key), args);
    } catch (error) {
      if (isRedisUnavailable(error)) plan.meter.deadlineMisses += 1;
      else this.options.logger.warn({ error: coerceError(error).message }, 'a loaded value could not be stored');
      return undefined;
    }
  }
}

const keysOf = (key: string): string[] => [physicalKey(key), companionKey(key, 'lease')];
