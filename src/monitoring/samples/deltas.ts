import { MINUTE } from '../../clock';
import type { Baseline } from './sample-store';

/** Growth over a longer gap says nothing about the minute that it would be stored for. */
export const LONGEST_INTERVAL = 15 * MINUTE;

export type CounterReading = Omit<Baseline, 'totals'>;

export interface CounterGrowth {
  /** By series key; undefined if there is nothing to compare with: a first reading, another identity, a long gap. */
  readonly deltas: Readonly<Record<string, number>> | undefined;
  /** Seconds between the two readings; 0 without deltas. */
  readonly seconds: number;
  readonly baseline: Baseline;
}

/**
 * The growth of the counters since the baseline. A changed identity starts a new baseline. It is not a reset: after a
 * failover the endpoint may lead to a node with higher counters, and the difference would be a spike that never happened.
 * With the same identity, a value that went down was reset (CONFIG RESETSTAT): its growth is the new value.
 */
export function growth(previous: Baseline | undefined, reading: CounterReading): CounterGrowth {
  const { source, at, readAt, identity, counters } = reading;
  const totals: Record<string, number> = {};
  const gap = previous ? readAt - previous.readAt : 0;
  const comparable = previous !== undefined && previous.identity === identity && gap > 0 && gap <= LONGEST_INTERVAL;
  const known = new Set(Object.keys(previous?.counters ?? {}).map(metricOf));
  const deltas: Record<string, number> = {};
  for (const [key, value] of Object.entries(counters)) {
    const before = previous?.counters[key];
    // A new series of a known metric (a command's first call) has grown from 0. A new metric (a probe that answers for
    // the first time) has no known growth.
    const counted = comparable && (before !== undefined || known.has(metricOf(key)));
    const grown = before === undefined || value < before ? value : value - before;
    if (counted) deltas[key] = grown;
    totals[key] = (previous?.totals[key] ?? 0) + (counted ? grown : 0);
  }
  // Counters that a failed probe has left out keep their last values.
  const kept = comparable ? previous : undefined;
  return {
    deltas: comparable ? deltas : undefined,
    seconds: comparable ? gap / 1_000 : 0,
    baseline: {
      source,
      at,
      readAt,
      identity,
      counters: { ...kept?.counters, ...counters },
      totals: { ...previous?.totals, ...totals },
    },
  };
}

const metricOf = (key: string) => key.split('|', 1)[0] ?? key;
