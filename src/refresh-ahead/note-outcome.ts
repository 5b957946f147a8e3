import type { RefreshOutcome } from '../cache/types';
import type { Clock } from '../clock';
import type { Counters } from '../redis';

/** Whether the job refreshed the entry, or the process that read it. */
export type RefreshedBy = { readonly entity: string; readonly way: 'queue' | 'process' };

/**
 * Counts the outcome of a refresh. Returns how long before the expiry it ended, in ms. A refresh after the expiry counts
 * as a miss.
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
