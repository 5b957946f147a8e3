import { SECOND } from '../../clock';
import { type Finding, ok, skipped, warning } from '../finding';

/** Whole seconds are compared, and an answer takes its time. */
const SKEW_MS = 2 * SECOND;

/** Compares the clock of a service with this process' own: `skewMs` is by how much it is ahead. */
export function checkClock(check: string, service: string, skewMs: number): Finding {
  if (Number.isNaN(skewMs)) return skipped(check, `${service} does not say what time it is`);
  const by = Math.round(Math.abs(skewMs));
  const detail = `${service} is ${by} ms ${skewMs < 0 ? 'behind' : 'ahead of'} this process`;
  return by <= SKEW_MS
    ? ok(check, detail)
    : warning(check, detail, 'Ages and versions are made of these clocks: synchronise them by NTP.');
}
