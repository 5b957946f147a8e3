import type { ServerLoad } from './server-load';

export interface ThrottleLimits {
  /** Largest share of a server's time that batches may take, above 0 up to 1. */
  readonly maxDuty: number;
  /** Keys evicted a second, whatever the cause; above it the work item ends. */
  readonly maxEvictionsPerSecond: number;
  /** If a server takes longer than this to answer twice in a row, the work item ends. In ms. */
  readonly maxLatencyMs: number;
}

export type StopReason = 'evictions' | 'latency' | 'failover';

/** If others use more than this share of the server's time, the sweep's share is reduced. */
const BUSY = 0.5;
const MIN_DUTY_SHARE = 0.02;

/** Why the work item must end now, if it must. `before` and `after` are loads of the same server. */
export function stopReason(
  before: ServerLoad,
  after: ServerLoad,
  elapsedMs: number,
  limits: ThrottleLimits,
): StopReason | undefined {
  if (after.failingOver || after.role !== 'master') return 'failover';
  const evicted = after.evicted - before.evicted;
  if (elapsedMs > 0 && (evicted * 1_000) / elapsedMs > limits.maxEvictionsPerSecond) return 'evictions';
  if (Math.min(before.latencyMs, after.latencyMs) > limits.maxLatencyMs) return 'latency';
  return undefined;
}

/**
 * The share of the server's time that batches may take now: the maximum while others use less than half of a core,
 * above that in proportion to what they leave.
 */
export function allowedDuty(
  before: ServerLoad,
  after: ServerLoad,
  elapsedMs: number,
  ownMicros: number,
  maxDuty: number,
): number {
  if (elapsedMs <= 0) return maxDuty;
  const used = ((after.cpuSeconds - before.cpuSeconds) * 1_000_000 - ownMicros) / (elapsedMs * 1_000);
  const others = Math.min(1, Math.max(0, used));
  return maxDuty * Math.max(MIN_DUTY_SHARE, Math.min(1, (1 - others) / (1 - BUSY)));
}
