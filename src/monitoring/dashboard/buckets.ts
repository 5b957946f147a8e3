import { DAY, HOUR, MINUTE, SECOND } from '../../clock';
import type { Resolution, SampleBatch, SampleStore } from '../samples/sample-store';

/** The ranges that the page offers, and their resolutions. */
export const ranges = {
  '1h': { ms: HOUR, resolution: 'minute', step: MINUTE },
  '6h': { ms: 6 * HOUR, resolution: 'minute', step: MINUTE },
  '24h': { ms: DAY, resolution: 'minute', step: 10 * MINUTE },
  '7d': { ms: 7 * DAY, resolution: 'hour', step: HOUR },
  '30d': { ms: 30 * DAY, resolution: 'hour', step: 6 * HOUR },
  '90d': { ms: 90 * DAY, resolution: 'day', step: DAY },
} as const satisfies Record<string, { ms: number; resolution: Resolution; step: number }>;

export type RangeName = keyof typeof ranges;

export const isRange = (name: string): name is RangeName => Object.hasOwn(ranges, name);

/** The batches in equal spans of time, for the charts. */
export interface Buckets {
  /** Start of each, in ms since 1970. */
  readonly times: readonly number[];
  readonly batches: readonly (readonly SampleBatch[])[];
  readonly stepMs: number;
  /** How many seconds of each have passed: all, except for the last. */
  readonly seconds: readonly number[];
}

/** Reads a range in buckets. The present hour or day, which is not rolled up yet, comes from minutes. */
export async function readBuckets(store: SampleStore, range: RangeName, now: number): Promise<Buckets> {
  const { ms, resolution, step } = ranges[range];
  const start = Math.floor((now - ms) / step) * step;
  const [rolled, recent] = await Promise.all([
    store.read({ after: start - 1, until: now, resolution }),
    resolution === 'minute' ? [] : store.read({ after: now - 2 * HOUR, until: now }),
  ]);
  const span = resolution === 'hour' ? HOUR : DAY;
  const rolledUntil = rolled.reduce((until, { at }) => Math.max(until, at + span), start);
  const all = [...rolled, ...recent.filter(({ at }) => at >= rolledUntil)];
  const times: number[] = [];
  const batches: SampleBatch[][] = [];
  for (let at = start; at <= now; at += step) {
    times.push(at);
    batches.push([]);
  }
  for (const batch of all) batches[Math.floor((batch.at - start) / step)]?.push(batch);
  const seconds = times.map((at) => Math.max(MINUTE, Math.min(step, now - at)) / SECOND);
  return { times, batches, stepMs: step, seconds };
}
