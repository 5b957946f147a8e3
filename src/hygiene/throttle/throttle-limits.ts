import type { NodeVitals } from '../ports';

export interface GentleLimits {
  /** Largest share of a server's time that pages may take, above 0 up to 1. */
  readonly maxDuty: number;
  /** Keys evicted a second, by whomever, above which the slice ends. */
  readonly maxEvictionsPerSecond: number;
  /** Answer time of a server above which, seen twice in a row, the slice ends. ms. */
  readonly maxLatencyMs: number;
}

export type StopReason = 'evictions' | 'latency' | 'failover';

/** Others' share of the server's time from which on ours is made smaller. */
const BUSY = 0.5;
const MIN_DUTY_SHARE = 0.02;

/** Why the slice must end now, if it must. `before` and `after` are vitals of the same server. */
export function stopReason(
  before: NodeVitals,
  after: NodeVitals,
  elapsedMs: number,
  limits: GentleLimits,
): StopReason | undefined {
  if (after.failingOver || after.role !== 'master') return 'failover';
  const evicted = after.evicted - before.evicted;
  if (elapsedMs > 0 && (evicted * 1_000) / elapsedMs > limits.maxEvictionsPerSecond) return 'evictions';
  if (Math.min(before.latencyMs, after.latencyMs) > limits.maxLatencyMs) return 'latency';
  return undefined;
}

/**
 * The share of the server's time that pages may take from here on: the ceiling while others use less than half of a
 * core, then in proportion to what they leave.
 */
export function temperedDuty(
  before: NodeVitals,
  after: NodeVitals,
  elapsedMs: number,
  ownMicros: number,
  maxDuty: number,
): number {
  if (elapsedMs <= 0) return maxDuty;
  const used = ((after.cpuSeconds - before.cpuSeconds) * 1_000_000 - ownMicros) / (elapsedMs * 1_000);
  const others = Math.min(1, Math.max(0, used));
  return maxDuty * Math.max(MIN_DUTY_SHARE, Math.min(1, (1 - others) / (1 - BUSY)));
}
