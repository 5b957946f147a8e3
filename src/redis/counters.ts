import type { Logger } from '../logger';
import { RedisUnavailableError } from './errors';
import type { RedisHandle } from './types';

/** The app's own counters and gauges: one hash in the work store, shared by all processes, read by the collector. */
export const COUNTERS_KEY = 'work:{counters}';

/** Few and bounded values: an entity, a job, an outcome. Never a key, an id or a value. */
export type Labels = Readonly<Record<string, string>>;

export interface Counters {
  /** Adds `by` (default: 1). In memory until `flush`. */
  add(name: string, labels?: Labels, by?: number): void;
  /** Replaces the last value. In memory until `flush`. */
  set(name: string, labels: Labels, value: number): void;
  /** Sends the gathered counts. Never throws: counts that could not be sent wait for the next flush. */
  flush(): Promise<void>;
}

/** `name|label=value,label=value`, labels sorted: the field a counter has in the hash. */
export function counterField(name: string, labels: Labels = {}): string {
  const pairs = Object.keys(labels)
    .sort()
    .map((label) => `${clean(label)}=${clean(labels[label] ?? '')}`);
  return `${clean(name)}|${pairs.join(',')}`;
}

/** The separators of a field can't be part of a name or a label. */
const clean = (text: string): string => text.replace(/[|,=\s]/g, '_');

export function createCounters(options: { readonly redis: RedisHandle; readonly logger: Logger }): Counters {
  const { redis, logger } = options;
  let sums = new Map<string, number>();
  let gauges = new Map<string, number>();

  const keepSum = (field: string, by: number) => sums.set(field, (sums.get(field) ?? 0) + by);

  async function flush(): Promise<void> {
    if (sums.size === 0 && gauges.size === 0) return;
    const [sent, set] = [sums, gauges];
    [sums, gauges] = [new Map(), new Map()];
    try {
      await redis.ready();
      const pipeline = redis.client('work').pipeline();
      for (const [field, by] of sent) pipeline.hincrbyfloat(COUNTERS_KEY, field, by);
      if (set.size > 0) pipeline.hset(COUNTERS_KEY, Object.fromEntries(set));
      await redis.within(pipeline.exec());
    } catch (error) {
      // Counts that were sent and not answered may be in Redis: dropping them errs low, sending them again would err high.
      const kept = error instanceof RedisUnavailableError && !error.sent;
      if (kept) for (const [field, by] of sent) keepSum(field, by);
      for (const [field, value] of set) if (!gauges.has(field)) gauges.set(field, value);
      const message = 'counters were not flushed; gauges, and counts that were not sent, wait for the next flush';
      logger.debug({ fields: sent.size, kept, error: error instanceof Error ? error.message : undefined }, message);
    }
  }

  return {
    add: (name, labels, by = 1) => void keepSum(counterField(name, labels), by),
    set: (name, labels, value) => void gauges.set(counterField(name, labels), value),
    flush,
  };
}

/** Every counter and gauge by its field (`name|label=value,...`). */
export async function readCounters(redis: RedisHandle): Promise<Map<string, number>> {
  const fields = await redis.within(redis.client('work').hgetall(COUNTERS_KEY));
  return new Map(Object.entries(fields).map(([field, value]) => [field, Number(value)]));
}
