import { StewardError } from '../../errors';

/** What was to be prepared was not ready in time; nothing was sent. */
export class NotInTimeError extends StewardError {
  readonly code = 'E_NOT_IN_TIME';
}

const ofStorage = (ms: number): Error => new NotInTimeError(`Expected storage to answer within ${Math.round(ms)} ms`);

/** Stops waiting after `ms`. The work itself goes on: a client that is still being made serves the next caller. */
export async function inTime<T>(work: Promise<T>, ms: number, error = ofStorage): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(error(ms)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
