import { StewardError } from '../../errors';
import { withTimeout } from '../../timeout';

/** Storage did not answer in time while a request was being prepared, so the request was never sent. */
export class NotInTimeError extends StewardError {
  readonly code = 'E_NOT_IN_TIME';
}

const ofStorage = (ms: number): Error => new NotInTimeError(`Storage did not answer within ${Math.round(ms)} ms`);

/** Stops waiting after `ms`. The work itself goes on: a client that is still being made serves the next caller. */
export function inTime<T>(work: Promise<T>, ms: number, error = ofStorage): Promise<T> {
  return withTimeout(work, ms, () => error(ms));
}
