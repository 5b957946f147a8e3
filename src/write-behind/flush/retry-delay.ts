import { SECOND } from '../../clock';

/** The pause before the next try, in ms: doubling from 2 s up to the cap, then half of it at random. */
export function retryDelayMs(attempts: number, capMs: number, random: () => number = Math.random): number {
  const full = Math.min(capMs, 2 * SECOND * 2 ** Math.min(attempts, 20));
  return Math.max(SECOND, full * (0.5 + random() / 2));
}
