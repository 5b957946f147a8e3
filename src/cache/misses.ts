import { setTimeout as sleep } from 'node:timers/promises';
import { SECOND } from '../clock';
import { companionKey, physicalKey } from '../entities/key';
import { coerceError, errorCode } from '../errors';
import type { Logger } from '../logger';
import type { Script } from '../redis/script';
import type { RedisHandle } from '../redis/types';
import type { Codec, Encoded } from './codec';
import { NEGATIVE } from './codec';
import { costOf, entryTail, headerOf } from './entry';
import type { Epoch, Epochs } from './epochs';
import { LoadFailedError, LoadTimeoutError, SerializeError, ValueTooLargeError } from './errors';
import type { Flight, Flights, Stored } from './flights';
import { epochsOf, inspect } from './inspect';
import { type Loaded, type Loading, loadWithin } from './loading';
import type { Policy } from './options';
import type { Plan } from './plan';
import { acquireScript, fillScript, releaseScript } from './scripts';
import type { ServerTime } from './server-time';
import { isRedisAway, type Versions } from './versions';

/** A key that is to be loaded, and all that its load needs. */
export interface Ask {
  readonly key: string;
  readonly plan: Plan;
  readonly policy: Policy;
  /** Encoded tags that the entry will carry. */
  readonly tags: readonly string[];
  /** Epochs of its prefixes and tags. */
  readonly epochs: readonly Epoch[];
  readonly loading: Loading;
  /** The entry that the read found and could not use, as text. */
  unusable: string | undefined;
  /** The same where it may still be served within its grace. */
  stale: string | undefined;
}

type Decision =
  | { readonly kind: 'entry'; readonly raw: string }
  | { readonly kind: 'lease'; readonly grant: Grant }
  | { readonly kind: 'join'; readonly flight: Flight }
  | { readonly kind: 'elsewhere' }
  | { readonly kind: 'failed'; readonly code: string }
  | { readonly kind: 'away' };

interface Grant {
  readonly ask: Ask;
  readonly flight: Flight;
  readonly token: string;
  readonly stamp: string;
  readonly version: string;
  readonly least: number;
}

/** A lease outlives its load by this, so that the load's answer finds it. */
const LEASE_MARGIN_MS = 1_000;
const POLL_MIN_MS = 5;
const POLL_MAX_MS = 100;
const RACES = 5;

export interface MissesOptions {
  readonly redis: RedisHandle;
  readonly logger: Logger;
  readonly epochs: Epochs;
  readonly flights: Flights;
  readonly versions: Versions;
  readonly codec: Codec;
  readonly time: ServerTime;
  readonly now: () => number;
}

/** What happens after a read found nothing to serve (DESIGN, "Lease and fence"). */
export class Misses {
  /** Decisions whose script was not sent yet: whoever comes until then may share the answer. */
  readonly #deciding = new Map<string, Promise<Decision>>();

  constructor(private readonly options: MissesOptions) {}

  /** The value of one key: loaded here, or by whoever is loading it. */
  async one(ask: Ask): Promise<unknown> {
    return this.#follow(ask, await this.#decide(ask));
  }

  /** The value of one key while Redis is away. */
  alone(ask: Ask): Promise<unknown> {
    return this.#follow(ask, { kind: 'away' });
  }

  manyAlone(asks: readonly Ask[]): Promise<unknown[]> {
    this.#loadAlone(asks);
    return Promise.all(asks.map((ask) => this.alone(ask)));
  }

  /** The values of many keys of one source; those that this process may load are loaded by one call. */
  async many(asks: readonly Ask[]): Promise<unknown[]> {
    const decisions = await Promise.all(asks.map((ask) => this.#decide(ask)));
    const grants = decisions.flatMap((decision) => (decision.kind === 'lease' ? [decision.grant] : []));
    if (grants.length > 0) void this.#load(grants);
    const away = asks.filter((_, index) => decisions[index]?.kind === 'away');
    if (away.length > 0) this.#loadAlone(away);
    return Promise.all(
      asks.map((ask, index) => {
        const decision = decisions[index] as Decision;
        return decision.kind === 'lease' ? this.#landing(ask, decision.grant.flight) : this.#follow(ask, decision);
      }),
    );
  }

  /** Loads although there is an entry, `ask.unusable`; who else is loading wins. */
  async refresh(asks: readonly Ask[]): Promise<Stored[]> {
    const decisions = await Promise.all(asks.map((ask) => this.#decide(ask)));
    const grants = decisions.flatMap((decision) => (decision.kind === 'lease' ? [decision.grant] : []));
    if (grants.length > 0) await this.#load(grants);
    return Promise.all(
      decisions.map((decision): Promise<Stored> | Stored => {
        if (decision.kind === 'lease') return decision.grant.flight.stored;
        return { outcome: decision.kind === 'away' || decision.kind === 'failed' ? 'failed' : 'superseded' };
      }),
    );
  }

  async #follow(ask: Ask, first: Decision): Promise<unknown> {
    const { policy, plan } = ask;
    const started = performance.now();
    const patienceMs = 2 * policy.hardTimeoutMs + LEASE_MARGIN_MS;
    for (let decision = first; ; decision = await this.#decide(ask)) {
      switch (decision.kind) {
        case 'entry':
          return this.options.codec.decode(decision.raw);
        case 'lease':
          void this.#load([decision.grant]);
          return this.#landing(ask, decision.grant.flight);
        case 'join':
          plan.meter.waits += 1;
          return this.#landing(ask, decision.flight);
        case 'failed':
          if (ask.stale !== undefined) return this.#serveStale(ask, ask.stale);
          throw new LoadFailedError('The load of this key failed a moment ago in another process', decision.code);
        case 'away':
          return this.#landing(ask, this.options.flights.alone(ask.key) ?? this.#loadAlone([ask]));
        case 'elsewhere': {
          const waited = performance.now() - started;
          if (waited === 0 || decision === first) plan.meter.waits += 1;
          if (ask.stale !== undefined && waited >= policy.softTimeoutMs) return this.#serveStale(ask, ask.stale);
          if (waited >= patienceMs) {
            throw new LoadTimeoutError(`No process loaded the key within ${patienceMs} ms`);
          }
          await sleep(pollMs(ask));
        }
      }
    }
  }

  /** The value of a load, the stale one where the load is slow or fails, or its error. */
  async #landing(ask: Ask, flight: Flight): Promise<unknown> {
    const { stale } = ask;
    if (stale === undefined) return (await flight.loaded).value;
    const abort = new AbortController();
    const slow = sleep(ask.policy.softTimeoutMs, 'slow' as const, { signal: abort.signal }).catch(
      () => 'slow' as const,
    );
    try {
      const first = await Promise.race([flight.loaded, slow]);
      return first === 'slow' ? this.#serveStale(ask, stale) : first.value;
    } catch {
      return this.#serveStale(ask, stale);
    } finally {
      abort.abort();
    }
  }

  #serveStale(ask: Ask, raw: string): unknown {
    ask.plan.meter.stale += 1;
    return this.options.codec.decode(raw);
  }

  #decide(ask: Ask): Promise<Decision> {
    const running = this.#deciding.get(ask.key);
    if (running) return running.then(joined);
    let closed = () => {};
    const deciding = this.#ask(ask, () => closed());
    this.#deciding.set(ask.key, deciding);
    closed = () => {
      if (this.#deciding.get(ask.key) === deciding) this.#deciding.delete(ask.key);
    };
    return deciding.finally(closed);
  }

  /** Asks Redis: an entry after all, the lease, or who has it. `sent` is called just before the script goes out. */
  async #ask(ask: Ask, sent: () => void): Promise<Decision> {
    const { redis, epochs, flights, versions, time, now } = this.options;
    const { policy, key } = ask;
    const keys = [physicalKey(key), companionKey(key, 'lease')];
    const token = flights.token();
    try {
      for (let race = 0; race < RACES; race += 1) {
        const least = await epochs.open(ask.epochs, physicalMs(policy));
        const leaseMs = policy.hardTimeoutMs + LEASE_MARGIN_MS;
        const header = ask.unusable === undefined ? '' : headerOf(ask.unusable);
        sent();
        const reply = await redis.run('cache', acquireScript, keys, [token, leaseMs, header, least, versions.writer]);
        if (reply[0] === 'lease') {
          const flight = flights.open(token);
          return { kind: 'lease', grant: { ask, flight, token, stamp: reply[1], version: reply[2], least } };
        }
        if (reply[0] === 'loading') {
          const flight = flights.withToken(reply[1]);
          return flight ? { kind: 'join', flight } : { kind: 'elsewhere' };
        }
        if (reply[0] === 'failed') return { kind: 'failed', code: reply[1] };
        const raw = reply[1];
        if (inspect(raw, ask.epochs, epochs, time.now(), now(), true) === 'unsure') {
          await epochs.read(epochsOf(raw, ask.epochs, epochs));
        }
        const verdict = inspect(raw, ask.epochs, epochs, time.now(), now(), false);
        if (verdict === 'live' && (await this.#isReadable(raw))) return { kind: 'entry', raw };
        ask.unusable = raw;
        ask.stale = verdict === 'stale' ? raw : undefined;
      }
      return { kind: 'elsewhere' };
    } catch (error) {
      if (!isRedisAway(error)) throw error;
      ask.plan.meter.deadlineMisses += 1;
      return { kind: 'away' };
    }
  }

  async #isReadable(raw: string): Promise<boolean> {
    try {
      await this.options.codec.decode(raw);
      return true;
    } catch {
      return false;
    }
  }

  /** One call of the source for all of them; each is then stored, or gives its lease back. */
  async #load(grants: readonly Grant[]): Promise<void> {
    const [first] = grants;
    if (first === undefined) return;
    const { policy, plan, loading } = first.ask;
    const started = performance.now();
    plan.meter.loads += grants.length;
    try {
      const keys = grants.map(({ ask }) => ask.key);
      const loaded = await loadWithin(loading, keys, policy.hardTimeoutMs);
      const costMs = performance.now() - started;
      plan.meter.loadMs += costMs;
      await Promise.all(grants.map((grant) => this.#store(grant, loaded.get(grant.ask.key) as Loaded, costMs)));
    } catch (error) {
      plan.meter.loadErrors += grants.length;
      const code = errorCode(error);
      for (const { flight } of grants) flight.crash(error);
      // Shared for a moment, so that a failing source is not asked by every process at once.
      const shareMs = Math.round(policy.errorTtlMs * (0.5 + Math.random() / 2));
      await Promise.all(grants.map((grant) => this.#release(grant, { outcome: 'failed' }, shareMs, code)));
    }
  }

  async #store(grant: Grant, loaded: Loaded, costMs: number): Promise<void> {
    const { ask, flight, token, stamp, version, least } = grant;
    const { policy } = ask;
    const gone = loaded.value === undefined;
    const lifeMs = lifeOf(policy, gone);
    let encoded: Encoded;
    try {
      encoded = gone ? NEGATIVE : await this.options.codec.encode(loaded.value, policy.compressOverBytes);
    } catch (error) {
      flight.land(loaded);
      if (!(error instanceof SerializeError || error instanceof ValueTooLargeError)) throw error;
      this.options.logger.warn({ entity: ask.plan.meter.entity, code: error.code }, 'a loaded value was not cached');
      await this.#release(grant, { outcome: 'failed' });
      return;
    }
    if (lifeMs === 0) {
      flight.land(loaded);
      await this.#release(grant, { outcome: 'gone' });
      return;
    }
    const filling = this.#redis(fillScript, ask.key, [
      token,
      loaded.version ?? version,
      least,
      lifeMs,
      lifeMs + (gone ? 0 : policy.graceSeconds * SECOND),
      encoded.flags.toString(16).toUpperCase(),
      stamp,
      entryTail(costMs, ask.tags, encoded.payload),
    ]);
    // The fill is on its way before anyone gets the value: what they send next comes after it.
    flight.land(loaded);
    const reply = await filling.catch((error: unknown) => this.#failed(ask, error));
    if (reply?.[0] === 'filled') {
      flight.end({ outcome: gone ? 'gone' : 'refreshed', expiresAt: Number(reply[1]) });
    } else {
      if (reply?.[0] === 'foreign') ask.plan.meter.foreign += 1;
      flight.end({ outcome: reply === undefined ? 'failed' : 'superseded' });
    }
  }

  async #release(grant: Grant, stored: Stored, shareMs = 0, code = ''): Promise<void> {
    const { ask, token, flight } = grant;
    await this.#redis(releaseScript, ask.key, [token, shareMs, code]).catch((error: unknown) =>
      this.#failed(ask, error),
    );
    flight.end(stored);
  }

  #redis<T>(script: Script<T>, key: string, args: (string | number)[]): Promise<T> {
    return this.options.redis.run('cache', script, [physicalKey(key), companionKey(key, 'lease')], args);
  }

  /** The value was loaded all the same; the lease ends by itself. */
  #failed(ask: Ask, error: unknown): undefined {
    if (isRedisAway(error)) ask.plan.meter.deadlineMisses += 1;
    else this.options.logger.warn({ error: coerceError(error).message }, 'a loaded value could not be stored');
    return undefined;
  }

  /** Redis is away: no lease, so nothing is stored; the process still loads once. */
  #loadAlone(asks: readonly Ask[]): Flight {
    const { flights } = this.options;
    const opened = asks.flatMap((ask) => (flights.alone(ask.key) ? [] : [{ ask, flight: flights.openAlone(ask.key) }]));
    const [first] = opened;
    if (first !== undefined) void this.#runAlone(opened);
    return flights.alone(asks[0]?.key ?? '') as Flight;
  }

  async #runAlone(opened: readonly { readonly ask: Ask; readonly flight: Flight }[]): Promise<void> {
    const [first] = opened;
    if (first === undefined) return;
    const { plan, policy, loading } = first.ask;
    const started = performance.now();
    plan.meter.loads += opened.length;
    try {
      const loaded = await loadWithin(
        loading,
        opened.map(({ ask }) => ask.key),
        policy.hardTimeoutMs,
      );
      plan.meter.loadMs += performance.now() - started;
      for (const { ask, flight } of opened) flight.land(loaded.get(ask.key) as Loaded);
    } catch (error) {
      plan.meter.loadErrors += opened.length;
      for (const { flight } of opened) flight.crash(error);
    }
    for (const { flight } of opened) flight.end({ outcome: 'failed' });
  }
}

/** Who shares a decision doesn't get the lease, but joins the load that it is for. */
function joined(decision: Decision): Decision {
  return decision.kind === 'lease' ? { kind: 'join', flight: decision.grant.flight } : decision;
}

/** Cheap loads are soon there; asking more often than they take is a waste. */
function pollMs(ask: Ask): number {
  const cost = ask.unusable === undefined ? 4 * POLL_MIN_MS : costOf(ask.unusable);
  return Math.min(Math.max(cost / 4, POLL_MIN_MS), POLL_MAX_MS) * (0.75 + Math.random() / 2);
}

/** Life of an entry in ms: its TTL less a random part of it. */
export function lifeOf(policy: Policy, gone = false): number {
  const seconds = gone ? policy.negativeTtlSeconds : policy.ttlSeconds;
  return Math.max(seconds === 0 ? 0 : 1, Math.round(seconds * SECOND * (1 - policy.jitter * Math.random())));
}

/** The longest that an entry may be in Redis, in ms. */
export const physicalMs = (policy: Policy): number =>
  Math.round(Math.max(policy.ttlSeconds + policy.graceSeconds, policy.negativeTtlSeconds) * SECOND);
