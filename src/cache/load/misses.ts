import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../../clock';
import { coerceError } from '../../errors';
import type { Logger } from '../../logger';
import { withDeadline } from '../../redis/deadline';
import { isRedisUnavailable } from '../../redis/errors';
import { withTimeout } from '../../timeout';
import type { Codec } from '../entry/codec';
import { costOf } from '../entry/entry-format';
import { generationsOf, judge } from '../entry/freshness';
import { LoadFailedError, LoadTimeoutError } from '../errors';
import type { TagGenerations } from '../invalidate/tag-generations';
import type { ServerTime } from '../server-time';
import type { InFlightLoad, InFlightLoads, Stored } from './in-flight-loads';
import { LEASE_MARGIN_MS, type Leases } from './leases';
import type { Grant, LoadRequest } from './load-request';
import type { LoadRunner } from './load-runner';

/**
 * What to do about a missed key:
 * - `entry`: serve this entry, which another process stored in the meantime;
 * - `lease`: load, under this lease;
 * - `join`: wait for a load of this process;
 * - `elsewhere`: wait for a load of another process;
 * - `failed`: a load of another process failed a moment ago;
 * - `unavailable`: load without a lease, since Redis did not answer.
 */
type Decision =
  | { readonly kind: 'entry'; readonly raw: string }
  | { readonly kind: 'lease'; readonly grant: Grant }
  | { readonly kind: 'join'; readonly inFlight: InFlightLoad }
  | { readonly kind: 'elsewhere' }
  | { readonly kind: 'failed'; readonly code: string }
  | { readonly kind: 'unavailable' };

const POLL_MIN_MS = 5;
const POLL_MAX_MS = 100;
/** How many unusable entries may turn up one after the other before the caller waits a moment. */
const RACES = 5;

export interface MissesOptions {
  readonly logger: Logger;
  readonly generations: TagGenerations;
  readonly inFlightLoads: InFlightLoads;
  readonly leases: Leases;
  readonly loadRunner: LoadRunner;
  readonly codec: Codec;
  readonly time: ServerTime;
  readonly clock: Clock;
  /** How long a caller may wait for Redis in total, in ms. */
  readonly deadlineMs: number;
}

/** What happens after a read found no entry it may serve: one process loads the key, the others wait for it. */
export class Misses {
  /** Decisions whose command is not sent yet. A caller that arrives until then shares the answer. */
  readonly #deciding = new Map<string, Promise<Decision>>();

  constructor(private readonly options: MissesOptions) {}

  /** The value of one key, loaded by this process or by another one. */
  async one(request: LoadRequest): Promise<unknown> {
    return this.#follow(request, await this.#decide(request));
  }

  /** The values of many keys of one source. One call loads all keys that this process may load. */
  async many(requests: readonly LoadRequest[]): Promise<unknown[]> {
    const { loadRunner } = this.options;
    const decisions = await Promise.all(requests.map((request) => this.#decide(request)));
    void loadRunner.run(grantsOf(decisions));
    loadRunner.runUnleased(requests.filter((_, index) => decisions[index]?.kind === 'unavailable'));
    return Promise.all(
      requests.map((request, index) => {
        const decision = decisions[index] as Decision;
        if (decision.kind === 'lease') return this.#valueOf(request, decision.grant.inFlight);
        return this.#follow(request, decision);
      }),
    );
  }

  /** The same while Redis is unavailable. Nothing is stored. */
  withoutRedis(requests: readonly LoadRequest[]): Promise<unknown[]> {
    this.options.loadRunner.runUnleased(requests);
    return Promise.all(requests.map((request) => this.#follow(request, { kind: 'unavailable' })));
  }

  /** Loads although there is an entry, `request.unusable`, unless another load of the key is running. */
  async refresh(requests: readonly LoadRequest[]): Promise<Stored[]> {
    const decisions = await Promise.all(requests.map((request) => this.#decide(request)));
    await this.options.loadRunner.run(grantsOf(decisions));
    return Promise.all(
      decisions.map((decision): Promise<Stored> | Stored => {
        if (decision.kind === 'lease') return decision.grant.inFlight.stored;
        return { outcome: decision.kind === 'unavailable' || decision.kind === 'failed' ? 'failed' : 'superseded' };
      }),
    );
  }

  async #follow(request: LoadRequest, first: Decision): Promise<unknown> {
    const { codec, loadRunner, inFlightLoads } = this.options;
    const { options, keyPolicy } = request;
    const started = performance.now();
    // Long enough for the lease of a dead process to end, and for one more load after it.
    const maxWaitMs = 2 * options.hardTimeoutMs + LEASE_MARGIN_MS;
    for (let decision = first; ; decision = await this.#decide(request, true)) {
      switch (decision.kind) {
        case 'entry':
          return codec.decode(decision.raw, keyPolicy.entity);
        case 'lease':
          void loadRunner.run([decision.grant]);
          return this.#valueOf(request, decision.grant.inFlight);
        case 'join':
          keyPolicy.counters.waits += 1;
          return this.#valueOf(request, decision.inFlight);
        case 'failed':
          if (request.stale !== undefined) return this.#serveStale(request, request.stale);
          throw new LoadFailedError(
            'Another process failed to load this key a moment ago, and shares its failure for errorTtlMs. Try again later',
            decision.code,
          );
        case 'unavailable':
          loadRunner.runUnleased([request]);
          return this.#valueOf(request, inFlightLoads.unleased(request.key) as InFlightLoad);
        case 'elsewhere': {
          const waited = performance.now() - started;
          if (decision === first) keyPolicy.counters.waits += 1;
          if (request.stale !== undefined && waited >= options.softTimeoutMs) {
            return this.#serveStale(request, request.stale);
          }
          if (waited >= maxWaitMs) {
            throw new LoadTimeoutError(`Another process is loading this key and stored nothing within ${maxWaitMs} ms`);
          }
          await sleep(pollMs(request));
        }
      }
    }
  }

  /** The value of a load; the stale value if there is one and the load is slow or fails; else the load's error. */
  async #valueOf(request: LoadRequest, inFlight: InFlightLoad): Promise<unknown> {
    const { stale } = request;
    if (stale === undefined) return (await inFlight.loaded).value;
    try {
      const loaded = await withTimeout(inFlight.loaded, request.options.softTimeoutMs, () => new Error('slow'));
      return loaded.value;
    } catch {
      return this.#serveStale(request, stale);
    }
  }

  #serveStale(request: LoadRequest, raw: string): unknown {
    request.keyPolicy.counters.stale += 1;
    return this.options.codec.decode(raw, request.keyPolicy.entity);
  }

  /** `again`: the caller has waited for another process, so its Redis deadline starts again. */
  #decide(request: LoadRequest, again = false): Promise<Decision> {
    const running = this.#deciding.get(request.key);
    if (running) return running.then(joined);
    if (again) request.spentMs = 0;
    let isSent = false;
    let deciding: Promise<Decision> | undefined;
    deciding = this.#askRedis(request, () => {
      isSent = true;
      if (this.#deciding.get(request.key) === deciding) this.#deciding.delete(request.key);
    });
    // If the deadline is spent already, nothing is sent, and `sent` was called before this line.
    if (!isSent) this.#deciding.set(request.key, deciding);
    return deciding;
  }

  /**
   * Asks Redis for the entry, the lease, or who holds it. Calls `sent` just before the first command is sent, or when it
   * is certain that none will be. Never throws.
   */
  async #askRedis(request: LoadRequest, sent: () => void): Promise<Decision> {
    const { logger, generations, inFlightLoads, leases, time, clock, deadlineMs } = this.options;
    const started = performance.now();
    const before = request.spentMs;
    try {
      for (let race = 0; race < RACES; race += 1) {
        request.spentMs = before + performance.now() - started;
        if (request.spentMs >= deadlineMs) return { kind: 'unavailable' };
        const reply = await leases.acquire(request, deadlineMs - request.spentMs, sent);
        request.spentMs = before + performance.now() - started;
        if (!Array.isArray(reply)) return { kind: 'lease', grant: reply };
        if (reply[0] === 'failed') return { kind: 'failed', code: reply[1] };
        if (reply[0] === 'loading') {
          const inFlight = inFlightLoads.withLease(reply[1]);
          return inFlight ? { kind: 'join', inFlight } : { kind: 'elsewhere' };
        }
        const raw = reply[1];
        if (judge(raw, request.generations, generations, time.now(), clock.now(), true) === 'undecided') {
          const reading = generations.read(generationsOf(raw, request.generations, generations));
          await withDeadline(reading, Math.max(1, deadlineMs - request.spentMs));
        }
        const verdict = judge(raw, request.generations, generations, time.now(), undefined, false);
        if (verdict === 'live' && (await this.#isReadable(request, raw))) return { kind: 'entry', raw };
        request.unusable = raw;
        request.stale = verdict === 'stale' ? raw : undefined;
      }
      return { kind: 'elsewhere' };
    } catch (error) {
      // A full server or a missing right stops the lease, not the load. An operator has to see it in the log.
      if (!isRedisUnavailable(error)) {
        const message = 'Redis refused a lease: the value is loaded without one and is not cached';
        logger.warn({ error: coerceError(error).message }, message);
      }
      request.keyPolicy.counters.deadlineMisses += 1;
      request.spentMs = deadlineMs;
      return { kind: 'unavailable' };
    } finally {
      sent();
    }
  }

  async #isReadable(request: LoadRequest, raw: string): Promise<boolean> {
    try {
      await this.options.codec.decode(raw, request.keyPolicy.entity);
      return true;
    } catch {
      return false;
    }
  }
}

const grantsOf = (decisions: readonly Decision[]): Grant[] =>
  decisions.flatMap((decision) => (decision.kind === 'lease' ? [decision.grant] : []));

/** Only one caller of a shared decision gets the lease. The others join its load. */
const joined = (decision: Decision): Decision =>
  decision.kind === 'lease' ? { kind: 'join', inFlight: decision.grant.inFlight } : decision;

/** Polls about four times during a load, by the cost of the previous one, with jitter. */
function pollMs({ unusable }: LoadRequest): number {
  const costMs = unusable === undefined ? 4 * POLL_MIN_MS : costOf(unusable);
  return Math.min(Math.max(costMs / 4, POLL_MIN_MS), POLL_MAX_MS) * (0.75 + Math.random() / 2);
}
