import { errorCode } from '../../errors';
import type { Logger } from '../../logger';
import { type Codec, type Encoded, NEGATIVE } from '../entry/codec';
import { SerializeError, ValueTooLargeError } from '../errors';
import { inLoadSpan } from '../telemetry';
import type { InFlightLoads, Stored } from './in-flight-loads';
import type { Leases } from './leases';
import type { Grant, LoadRequest } from './load-request';
import { type Loaded, loadWithin } from './load-source';

export interface LoadRunnerOptions {
  readonly logger: Logger;
  readonly codec: Codec;
  readonly inFlightLoads: InFlightLoads;
  readonly leases: Leases;
  /** How long a caller may wait for Redis in total, in ms. */
  readonly deadlineMs: number;
}

/** Calls a source once for all keys given, and passes the values to callers and to Redis. */
export class LoadRunner {
  constructor(private readonly options: LoadRunnerOptions) {}

  /** Loads under leases. All grants have the same source. Never throws: it settles each in-flight load. */
  async run(grants: readonly Grant[]): Promise<void> {
    if (grants.length === 0) return;
    try {
      await this.#run(grants);
    } catch (error) {
      // Only a fault of ours. No caller may wait for ever because of it.
      for (const { inFlight } of grants) {
        inFlight.reject(error);
        inFlight.end({ outcome: 'failed' });
      }
    }
  }

  async #run(grants: readonly Grant[]): Promise<void> {
    const [first] = grants as [Grant];
    const result = await callSource(grants);
    if ('values' in result) {
      const { values, costMs } = result;
      await Promise.all(grants.map((grant) => this.#store(grant, values.get(grant.request.key) as Loaded, costMs)));
      return;
    }
    // Shared with other processes for a moment, so that not all of them call a failing source at once.
    const shareMs = Math.round(first.request.options.errorTtlMs * (0.5 + Math.random() / 2));
    const code = errorCode(result.error);
    await Promise.all(grants.map((grant) => this.#end(grant, { outcome: 'failed' }, shareMs, code)));
  }

  /** Loads without leases while Redis is unavailable: once per key in this process. Stores nothing. */
  runUnleased(requests: readonly LoadRequest[]): void {
    const { inFlightLoads } = this.options;
    const loads = requests.flatMap((request) =>
      inFlightLoads.unleased(request.key) ? [] : [{ request, inFlight: inFlightLoads.startUnleased(request.key) }],
    );
    if (loads.length === 0) return;
    void callSource(loads).then((result) => {
      for (const { request, inFlight } of loads) {
        if ('values' in result) inFlight.resolve(result.values.get(request.key) as Loaded);
        inFlight.end({ outcome: 'failed' });
      }
    });
  }

  async #store(grant: Grant, loaded: Loaded, costMs: number): Promise<void> {
    const { request, inFlight, version } = grant;
    const { options, keyPolicy } = request;
    const gone = loaded.value === undefined;
    if (gone && options.negativeTtlSeconds === 0) {
      inFlight.resolve(loaded);
      await this.#end(grant, { outcome: 'gone' });
      return;
    }
    const { codec, leases, logger, deadlineMs } = this.options;
    let encoded: Encoded;
    try {
      encoded = gone ? NEGATIVE : await codec.encode(loaded.value, keyPolicy.entity, options.compressOverBytes);
    } catch (error) {
      inFlight.resolve(loaded);
      const code = error instanceof SerializeError || error instanceof ValueTooLargeError ? error.code : 'E_UNKNOWN';
      const message = 'a loaded value cannot be cached: callers have it, but every read loads it again';
      logger.warn({ entity: keyPolicy.counters.entity, code }, message);
      await this.#end(grant, { outcome: 'failed' });
      return;
    }
    const filling = leases.fill(grant, encoded, costMs, gone, loaded.version ?? version);
    // Resolve after the fill, or at the Redis deadline if the fill is slow.
    const deadline = setTimeout(() => inFlight.resolve(loaded), Math.max(0, deadlineMs - request.spentMs));
    const stored = await filling;
    clearTimeout(deadline);
    inFlight.resolve(loaded);
    inFlight.end(stored);
  }

  async #end(grant: Grant, stored: Stored, shareMs = 0, code = ''): Promise<void> {
    await this.options.leases.release(grant, shareMs, code);
    grant.inFlight.end(stored);
  }
}

type SourceResult =
  | { readonly values: ReadonlyMap<string, Loaded>; readonly costMs: number }
  | { readonly error: unknown };

/** Calls the source and counts. If it fails, also rejects the in-flight loads. Never throws. */
async function callSource(loads: readonly Pick<Grant, 'request' | 'inFlight'>[]): Promise<SourceResult> {
  const { keyPolicy, options, loadMany } = (loads[0] as Pick<Grant, 'request'>).request;
  const { counters } = keyPolicy;
  const started = performance.now();
  counters.loads += loads.length;
  try {
    const keys = loads.map(({ request }) => request.key);
    const load = () => loadWithin(loadMany, keys, options.hardTimeoutMs);
    const values = await inLoadSpan(counters.entity, keys.length, load);
    const costMs = performance.now() - started;
    counters.loadMs += costMs;
    return { values, costMs };
  } catch (error) {
    counters.loadErrors += loads.length;
    for (const { inFlight } of loads) inFlight.reject(error);
    return { error };
  }
}
