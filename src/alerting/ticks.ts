import { MINUTE } from '../clock';

/**
 * The ticks to evaluate: `at` itself and, before it, those of each minute that nobody evaluated since `last`, back to
 * `toleranceMs` ago. None where `at` is not after `last`: that tick is done.
 */
export function ticksUntil(at: number, last: number, toleranceMs: number): readonly number[] {
  if (at <= last) return [];
  if (last === 0) return [at];
  const oldest = Math.max(last, at - toleranceMs);
  const ticks: number[] = [];
  for (let tick = at; tick > oldest; tick -= MINUTE) ticks.unshift(tick);
  return ticks;
}
