import type { ObservableResult } from '@opentelemetry/api';
import { contained } from '../contained';
import { errorCode } from '../errors';
import { openTelemetry } from '../open-telemetry';
import type { Counters } from '../redis/counters';

/** Counts of one entity in this process. Plain numbers, so that counting costs a hit almost nothing. */
export class EntityCounters {
  hits = 0;
  localHits = 0;
  misses = 0;
  stale = 0;
  loads = 0;
  loadErrors = 0;
  loadMs = 0;
  waits = 0;
  deadlineMisses = 0;
  foreign = 0;

  /** Total already sent to Redis, by counter name: OpenTelemetry reports totals, not differences. */
  readonly flushed = new Map<string, number>();

  constructor(readonly entity: string) {}
}

/** Each field with its metric name, as the collector reads it. The only label is the entity. */
const counterNames = [
  ['hits', 'cache_hits'],
  ['localHits', 'cache_local_hits'],
  ['misses', 'cache_misses'],
  ['stale', 'cache_stale'],
  ['loads', 'cache_loads'],
  ['loadErrors', 'cache_load_errors'],
  ['loadMs', 'cache_load_ms'],
  ['waits', 'cache_waits'],
  ['deadlineMisses', 'cache_deadline_misses'],
  ['foreign', 'cache_foreign_entries'],
] as const;

const FLUSH_MS = 5_000;

/** Name of our tracer and meter. Without an OpenTelemetry SDK in the process both do nothing. */
const SCOPE = 'cache-steward';

/** The only attributes used. Their values are bounded, and never a key or a value of the cache. */
export const ATTRIBUTE_ENTITY = 'cache.entity';
export const ATTRIBUTE_KEYS = 'cache.keys';
export const ATTRIBUTE_ERROR = 'error.type';

/** Sends the entity counters to Redis every few seconds, as differences since the last flush. */
export class Telemetry {
  readonly #byEntity = new Map<string, EntityCounters>();
  readonly #timer: NodeJS.Timeout | undefined;
  #stopObserving: (() => void)[] = [];
  #wasOpen = false;

  constructor(
    private readonly counters: Counters | undefined,
    private readonly isBreakerOpen: () => boolean = () => false,
  ) {
    if (counters === undefined) return;
    this.#timer = setInterval(() => void this.flush(), FLUSH_MS).unref();
  }

  of(entity: string): EntityCounters {
    const counters = this.#byEntity.get(entity) ?? new EntityCounters(entity);
    this.#byEntity.set(entity, counters);
    return counters;
  }

  /** Registers one OpenTelemetry counter per name until `close`. The SDK asks for the totals, so a hit pays nothing. */
  observe(): void {
    const meter = openTelemetry()?.metrics.getMeter(SCOPE);
    if (!meter) return;
    this.#stopObserving = counterNames.map(([field, name]) => {
      const instrument = meter.createObservableCounter(name.replace(/^cache_/, 'cache.'));
      const callback = (result: ObservableResult) => {
        for (const counters of this.#byEntity.values()) {
          const total = (counters.flushed.get(name) ?? 0) + counters[field];
          result.observe(total, { [ATTRIBUTE_ENTITY]: counters.entity });
        }
      };
      instrument.addCallback(callback);
      return () => instrument.removeCallback(callback);
    });
  }

  async flush(): Promise<void> {
    if (this.counters === undefined) return;
    let hasCounted = false;
    for (const counters of this.#byEntity.values()) {
      for (const [field, name] of counterNames) {
        const since = counters[field];
        if (since === 0) continue;
        hasCounted = true;
        counters[field] = 0;
        counters.flushed.set(name, (counters.flushed.get(name) ?? 0) + since);
        this.counters.add(name, { entity: counters.entity }, since);
      }
    }
    const isOpen = this.isBreakerOpen();
    // An unused cache has nothing to report, and reporting would connect it to Redis.
    if (hasCounted || isOpen !== this.#wasOpen) this.counters.set('cache_breaker_open', {}, isOpen ? 1 : 0);
    this.#wasOpen = isOpen;
    await this.counters.flush();
  }

  async close(): Promise<void> {
    for (const stop of this.#stopObserving) stop();
    clearInterval(this.#timer);
    await this.flush();
  }
}

/** Runs a call of a source inside a span. Throws what `work` throws. */
export async function inLoadSpan<T>(entity: string, keys: number, work: () => Promise<T>): Promise<T> {
  const api = openTelemetry();
  if (!api) return work();
  const attributes = { [ATTRIBUTE_ENTITY]: entity, [ATTRIBUTE_KEYS]: keys };
  let result: Promise<T> | undefined;
  // A tracer that fails must not fail the load.
  contained(() => {
    api.trace.getTracer(SCOPE).startActiveSpan('cache.load', { attributes }, (span) => {
      result = work();
      const failed = (error: unknown) => {
        // A loader's error message may contain a key or a value, so the span gets only its code.
        span.setAttribute(ATTRIBUTE_ERROR, errorCode(error));
        span.setStatus({ code: api.SpanStatusCode.ERROR });
      };
      result
        .catch(failed)
        .finally(() => span.end())
        .catch(() => {});
    });
  });
  return result ?? work();
}
