import { setTimeout as sleep } from 'node:timers/promises';
import { coerceError } from '../../errors';
import type { Logger } from '../../logger';
import { withDeadline } from '../../redis/deadline';
import { isRedisUnavailable } from '../../redis/errors';
import { withTimeout } from '../../timeout';
import type { Codec } from '../entry/codec';
import { costOf } from '../entry/entry-format';
import { epochsOf, inspect } from '../entry/freshness';
import { LoadFailedError, LoadTimeoutError } from '../errors';
import type { Epochs } from '../invalidate/tag-generations';
import type { ServerTime } from '../server-time';
import type { Flight, Flights, Stored } from './in-flight-loads';
import { LEASE_MARGIN_MS, type Leases } from './leases';
import type { Ask, Grant } from './load-request';
import type { Loads } from './load-runner';

type Decision =
  | { readonly kind: 'entry'; readonly raw: string }
  | { readonly kind: 'lease'; readonly grant: Grant }
  | { readonly kind: 'join'; readonly flight: Flight }
  | { readonly kind: 'elsewhere' }
  | { readonly kind: 'failed'; readonly code: string }
  | { readonly kind: 'away' };

const POLL_MIN_MS = 5;
const POLL_MAX_MS = 100;
/** Entries that may turn up and be unusable, one after the other, before the caller waits a moment. */
const RACES = 5;

export interface MissesOptions {
  readonly logger: Logger;
  readonly epochs: Epochs;
  readonly flights: Flights;
  readonly leases: Leases;
  readonly loads: Loads;
  readonly codec: Codec;
  readonly time: ServerTime;
  readonly now: () => number;
  /** What a caller may spend on Redis altogether, in ms. */
  readonly deadlineMs: number;
}

/** What happens after a read found nothing to serve (DESIGN, "Lease and fence"). */
export class Misses {
  /** Decisions for which nothing was sent yet: whoever comes until then may share the answer. */
  readonly #deciding = new Map<string, Promise<Decision>>();

  constructor(private readonly options: MissesOptions) {}

  /** The value of one key: loaded here, or by whoever is loading it. */
  async one(ask: Ask): Promise<unknown> {
    return this.#follow(ask, await this.#decide(ask));
  }

  /** The values of many keys of one source; those that this process may load are loaded by one call. */
  async many(asks: readonly Ask[]): Promise<unknown[]> {
    const decisions = await Promise.all(asks.map((ask) => this.#decide(ask)));
    void this.options.loads.run(grantsOf(decisions));
    this.options.loads.alone(asks.filter((_, index) => decisions[index]?.kind === 'away'));
    return Promise.all(
      asks.map((ask, index) => {
        const decision = decisions[index] as Decision;
        return decision.kind === 'lease' ? this.#landing(ask, decision.grant.flight) : this.#follow(ask, decision);
      }),
    );
  }

  /** The same while Redis is away: nothing is stored. */
  alone(asks: readonly Ask[]): Promise<unknown[]> {
    this.options.loads.alone(asks);
    return Promise.all(asks.map((ask) => this.#follow(ask, { kind: 'away' })));
  }

  /** Loads although there is an entry, `ask.unusable`; whoever else is loading wins. */
  async refresh(asks: readonly Ask[]): Promise<Stored[]> {
    const decisions = await Promise.all(asks.map((ask) => this.#decide(ask)));
    await this.options.loads.run(grantsOf(decisions));
    return Promise.all(
      decisions.map((decision): Promise<Stored> | Stored => {
        if (decision.kind === 'lease') return decision.grant.flight.stored;
        return { outcome: decision.kind === 'away' || decision.kind === 'failed' ? 'failed' : 'superseded' };
      }),
    );
  }

  async #follow(ask: Ask, first: Decision): Promise<unknown> {
    const { codec, loads, flights } = this.options;
    const { policy, plan } = ask;
    const started = performance.now();
    // Long enough to see the lease of a dead process end, and to load then.
    const patienceMs = 2 * policy.hardTimeoutMs + LEASE_MARGIN_MS;
    for (let decision = first; ; decision = await this.#decide(ask, true)) {
      switch (decision.kind) {
        case 'entry':
          return codec.decode(decision.raw, plan.entity);
        case 'lease':
          void loads.run([decision.grant]);
          return this.#landing(ask, decision.grant.flight);
        case 'join':
          plan.meter.waits += 1;
          return this.#landing(ask, decision.flight);
        case 'failed':
          if (ask.stale !== undefined) return this.#serveStale(ask, ask.stale);
          throw new LoadFailedError('The load of this key failed a moment ago in another process', decision.code);
        case 'away':
          loads.alone([ask]);
          return this.#landing(ask, flights.alone(ask.key) as Flight);
        case 'elsewhere': {
          const waited = performance.now() - started;
          if (decision === first) plan.meter.waits += 1;
          if (ask.stale !== undefined && waited >= policy.softTimeoutMs) return this.#serveStale(ask, ask.stale);
          if (waited >= patienceMs) throw new LoadTimeoutError(`No process loaded the key within ${patienceMs} ms`);
          await sleep(pollMs(ask));
        }
      }
    }
  }

  /** The value of a load, the stale one where the load is slow or fails, or its error. */
  async #landing(ask: Ask, flight: Flight): Promise<unknown> {
    const { stale } = ask;
    if (stale === undefined) return (await flight.loaded).value;
    try {
      const loaded = await withTimeout(flight.loaded, ask.policy.softTimeoutMs, () => new Error('slow'));
      return loaded.value;
    } catch {
      return this.#serveStale(ask, stale);
    }
  }

  #serveStale(ask: Ask, raw: string): unknown {
    ask.plan.meter.stale += 1;
    return this.options.codec.decode(raw, ask.plan.entity);
  }

  /** `again`: not the caller's first, so that its deadline begins anew: it is waiting for somebody else. */
  #decide(ask: Ask, again = false): Promise<Decision> {
    const running = this.#deciding.get(ask.key);
    if (running) return running.then(joined);
    if (again) ask.spentMs = 0;
    let isSent = false;
    let deciding: Promise<Decision> | undefined;
    deciding = this.#ask(ask, () => {
      isSent = true;
      if (this.#deciding.get(ask.key) === deciding) this.#deciding.delete(ask.key);
    });
    // With nothing left to spend on Redis nothing will be sent, and that is said before this.
    if (!isSent) this.#deciding.set(ask.key, deciding);
    return deciding;
  }

  /**
   * Asks Redis: an entry after all, the lease, or who has it. `sent` is called before anything goes out, or never will.
   * Never throws.
   */
  async #ask(ask: Ask, sent: () => void): Promise<Decision> {
    const { logger, epochs, flights, leases, time, now, deadlineMs } = this.options;
    const started = performance.now();
    const before = ask.spentMs;
    try {
      for (let race = 0; race < RACES; race += 1) {
        ask.spentMs = before + performance.now() - started;
        if (ask.spentMs >= deadlineMs) return { kind: 'away' };
        const reply = await leases.acquire(ask, deadlineMs - ask.spentMs, sent);
        ask.spentMs = before + performance.now() - started;
        if (!Array.isArray(reply)) return { kind: 'lease', grant: reply };
        if (reply[0] === 'failed') return { kind: 'failed', code: reply[1] };
        if (reply[0] === 'loading') {
          const flight = flights.withLease(reply[1]);
          return flight ? { kind: 'join', flight } : { kind: 'elsewhere' };
        }
        const raw = reply[1];
        if (inspect(raw, ask.epochs, epochs, time.now(), now(), true) === 'unsure') {
          await withDeadline(epochs.read(epochsOf(raw, ask.epochs, epochs)), Math.max(1, deadlineMs - ask.spentMs));
        }
        const verdict = inspect(raw, ask.epochs, epochs, time.now(), undefined, false);
        if (verdict === 'live' && (await this.#isReadable(ask, raw))) return { kind: 'entry', raw };
        ask.unusable = raw;
        ask.stale = verdict === 'stale' ? raw : undefined;
      }
      return { kind: 'elsewhere' };
    } catch (error) {
      // Full, or not allowed: as good as away, since the value is there to be loaded. Only whoever reads the log can help.
      if (!isRedisUnavailable(error)) logger.warn({ error: coerceError(error).message }, 'Redis refused a lease');
      ask.plan.meter.deadlineMisses += 1;
      ask.spentMs = deadlineMs;
      return { kind: 'away' };
    } finally {
      sent();
    }
  }

  async #isReadable(ask: Ask, raw: string): Promise<boolean> {
    try {
      await this.options.codec.decode(raw, ask.plan.entity);
      return true;
    } catch {
      return false;
    }
  }
}

const grantsOf = (decisions: readonly Decision[]): Grant[] =>
  decisions.flatMap((decision) => (decision.kind === 'lease' ? [decision.grant] : []));

/** Who shares a decision doesn't get the lease, but joins the load that it is for. */
const joined = (decision: Decision): Decision =>
  decision.kind === 'lease' ? { kind: 'join', flight: decision.grant.flight } : decision;

/** Cheap loads are soon there; asking more often than they take is a waste. */
function pollMs(ask: Ask): number {
  const cost = ask.unusable === undefined ? 4 * POLL_MIN_MS : costOf(ask.unusable);
  return Math.min(Math.max(cost / 4, POLL_MIN_MS), POLL_MAX_MS) * (0.75 + Math.random() / 2);
}
