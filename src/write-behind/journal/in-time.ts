import { StewardError } from '../../errors';
import { withTimeout } from '../../timeout';

/** What was to be prepared was not ready in time; nothing was sent. */
export class NotInTimeError extends StewardError {
  readonly code = 'E_NOT_IN_TIME';
}

const ofStorage = (ms: number): Error => new NotInTimeError(`Expected storage to answer within ${Math.round(ms)} ms`);

/** Stops waiting after `ms`. The work itself goes on: a client that is still being made serves the next caller. */
export function inTime<T>(work: Promise<T>, ms: number, error = ofStorage): Promise<T> {
  return withTimeout(work, ms, () => error(ms));
}
