import { errorCode } from '../../errors';
import type { Logger } from '../../logger';
import { type Codec, type Encoded, NEGATIVE } from '../entry/codec';
import { SerializeError, ValueTooLargeError } from '../errors';
import type { Flight, Flights, Stored } from './in-flight-loads';
import type { Leases } from './leases';
import type { Ask, Grant } from './load-request';
import { type Loaded, loadWithin } from './load-source';
import { inLoadSpan } from './load-span';

export interface LoadsOptions {
  readonly logger: Logger;
  readonly codec: Codec;
  readonly flights: Flights;
  readonly leases: Leases;
  /** What a caller may spend on Redis altogether, in ms. */
  readonly deadlineMs: number;
}

/** Asks the source, once for all the keys it is given, and brings what it says to callers and to Redis. */
export class Loads {
  constructor(private readonly options: LoadsOptions) {}

  /** Never throws: each flight lands or crashes. The grants are of one source. */
  async run(grants: readonly Grant[]): Promise<void> {
    const [first] = grants;
    if (first === undefined) return;
    const { policy, plan, loading } = first.ask;
    const started = performance.now();
    plan.meter.loads += grants.length;
    let loaded: ReadonlyMap<string, Loaded>;
    try {
      const keys = grants.map(({ ask }) => ask.key);
      loaded = await inLoadSpan(plan.meter.entity, keys.length, () => loadWithin(loading, keys, policy.hardTimeoutMs));
    } catch (error) {
      plan.meter.loadErrors += grants.length;
      for (const { flight } of grants) flight.crash(error);
      // Shared for a moment, so that a failing source is not asked by every process at once.
      const shareMs = Math.round(policy.errorTtlMs * (0.5 + Math.random() / 2));
      await Promise.all(grants.map((grant) => this.#end(grant, { outcome: 'failed' }, shareMs, errorCode(error))));
      return;
    }
    const costMs = performance.now() - started;
    plan.meter.loadMs += costMs;
    await Promise.all(grants.map((grant) => this.#store(grant, loaded.get(grant.ask.key) as Loaded, costMs)));
  }

  /** Redis is away: no lease, so nothing is stored; the process still loads a key once. */
  alone(asks: readonly Ask[]): void {
    const { flights } = this.options;
    const opened = asks.flatMap((ask) => (flights.alone(ask.key) ? [] : [{ ask, flight: flights.openAlone(ask.key) }]));
    if (opened.length > 0) void this.#runAlone(opened);
  }

  async #store(grant: Grant, loaded: Loaded, costMs: number): Promise<void> {
    const { ask, flight, version } = grant;
    const { policy, plan } = ask;
    const gone = loaded.value === undefined;
    if (gone && policy.negativeTtlSeconds === 0) {
      flight.land(loaded);
      await this.#end(grant, { outcome: 'gone' });
      return;
    }
    let encoded: Encoded;
    try {
      encoded = gone ? NEGATIVE : await this.options.codec.encode(loaded.value, plan.entity, policy.compressOverBytes);
    } catch (error) {
      flight.land(loaded);
      const code = error instanceof SerializeError || error instanceof ValueTooLargeError ? error.code : 'E_UNKNOWN';
      this.options.logger.warn({ entity: plan.meter.entity, code }, 'a loaded value was not cached');
      await this.#end(grant, { outcome: 'failed' });
      return;
    }
    const filling = this.options.leases.fill(grant, encoded, costMs, gone, loaded.version ?? version);
    // A caller finds stored what it was given, unless Redis has used up its patience.
    const patience = setTimeout(() => flight.land(loaded), Math.max(0, this.options.deadlineMs - ask.spentMs));
    const stored = await filling;
    clearTimeout(patience);
    flight.land(loaded);
    flight.end(stored);
  }

  async #end(grant: Grant, stored: Stored, shareMs = 0, code = ''): Promise<void> {
    await this.options.leases.release(grant, shareMs, code);
    grant.flight.end(stored);
  }

  async #runAlone(opened: readonly { readonly ask: Ask; readonly flight: Flight }[]): Promise<void> {
    const { plan, policy, loading } = (opened[0] as { ask: Ask }).ask;
    const started = performance.now();
    plan.meter.loads += opened.length;
    try {
      const keys = opened.map(({ ask }) => ask.key);
      const loaded = await inLoadSpan(plan.meter.entity, keys.length, () =>
        loadWithin(loading, keys, policy.hardTimeoutMs),
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
