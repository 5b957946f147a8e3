import type { RefreshOutcome } from '../cache/types';
import type { Clock } from '../clock';
import type { Counters } from '../redis';

/** By the queue and its job, or in the process that read the entry. */
export interface RefreshedBy {
  readonly entity: string;
  readonly way: 'queue' | 'process';
}

/**
 * Counts how a refresh ended, and how long before its entry would have expired, in ms, which it answers; one that came
 * too late is a miss at expiry.
 */
export function noteOutcome(
  { counters, clock }: { readonly counters: Counters; readonly clock: Clock },
  by: RefreshedBy,
  { outcome }: RefreshOutcome,
  expiresAt: number,
): number {
  counters.add('refresh_done', { ...by, outcome });
  if (outcome !== 'refreshed') return 0;
  const leadMs = expiresAt - clock.now();
  if (leadMs <= 0) counters.add('refresh_missed');
  else counters.add('refresh_lead_ms', { ...by }, leadMs);
  return Math.max(0, leadMs);
}
