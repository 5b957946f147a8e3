import type { Counters } from '../redis/counters';

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

  async flush(): Promise<void> {
    const { counters } = this;
    if (counters === undefined) return;
    for (const meter of this.#meters.values()) {
      for (const field of Object.keys(counterNames) as (keyof typeof counterNames)[]) {
        const since = meter[field];
        if (since === 0) continue;
        meter[field] = 0;
        counters.add(counterNames[field], { entity: meter.entity }, since);
      }
    }
    counters.set('cache_breaker_open', {}, this.isBreakerOpen() ? 1 : 0);
    await counters.flush();
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.flush();
  }
}
