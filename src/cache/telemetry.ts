import type { Counters } from '../redis/counters';
import { observe } from './load/load-span';

/** Plain numbers in memory: all that a hit may cost. One set an entity. */
export class Meter {
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

  /** What was handed to the counters already: OpenTelemetry wants totals. */
  readonly flushed = new Map<string, number>();

  constructor(readonly entity: string) {}
}

/** The counters' names, as the collector reads them; their one label is the entity. */
const counterNames = {
  hits: 'cache_hits',
  localHits: 'cache_local_hits',
  misses: 'cache_misses',
  stale: 'cache_stale',
  loads: 'cache_loads',
  loadErrors: 'cache_load_errors',
  loadMs: 'cache_load_ms',
  waits: 'cache_waits',
  deadlineMisses: 'cache_deadline_misses',
  foreign: 'cache_foreign_entries',
} as const;

const FLUSH_MS = 5_000;

/** Hands the meters' numbers to the counters every few seconds, as what was added since the last time. */
export class Telemetry {
  readonly #meters = new Map<string, Meter>();
  readonly #timer: NodeJS.Timeout | undefined;
  #endObserving = () => {};
  #wasOpen = false;

  constructor(
    private readonly counters: Counters | undefined,
    private readonly isBreakerOpen: () => boolean = () => false,
  ) {
    if (counters === undefined) return;
    this.#timer = setInterval(() => void this.flush(), FLUSH_MS);
    this.#timer.unref();
  }

  meter(entity: string): Meter {
    let meter = this.#meters.get(entity);
    if (meter === undefined) {
      meter = new Meter(entity);
      this.#meters.set(entity, meter);
    }
    return meter;
  }

  /** Lets OpenTelemetry ask for the totals, until `close`. */
  observe(): void {
    this.#endObserving = observe(Object.values(counterNames), (counter) => this.#totals(counter));
  }

  async flush(): Promise<void> {
    const { counters } = this;
    if (counters === undefined) return;
    let counted = false;
    for (const meter of this.#meters.values()) {
      for (const field of Object.keys(counterNames) as (keyof typeof counterNames)[]) {
        const since = meter[field];
        if (since === 0) continue;
        counted = true;
        const name = counterNames[field];
        meter[field] = 0;
        meter.flushed.set(name, (meter.flushed.get(name) ?? 0) + since);
        counters.add(name, { entity: meter.entity }, since);
      }
    }
    const isOpen = this.isBreakerOpen();
    // A cache that nobody uses has nothing to say, and must not connect for it.
    if (counted || isOpen !== this.#wasOpen) counters.set('cache_breaker_open', {}, isOpen ? 1 : 0);
    this.#wasOpen = isOpen;
    await counters.flush();
  }

  *#totals(counter: string): Generator<readonly [string, number]> {
    const fields = Object.keys(counterNames) as (keyof typeof counterNames)[];
    const field = fields.find((each) => counterNames[each] === counter);
    if (field === undefined) return;
    for (const meter of this.#meters.values()) {
      yield [meter.entity, (meter.flushed.get(counter) ?? 0) + meter[field]] as const;
    }
  }

  async close(): Promise<void> {
    this.#endObserving();
    clearInterval(this.#timer);
    await this.flush();
  }
}
