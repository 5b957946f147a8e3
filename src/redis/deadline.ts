import { withTimeout } from '../timeout';
import { DeadlineError } from './errors';

/** Settles as `work` does, or rejects with `E_DEADLINE` after `ms`. */
export const withDeadline = <T>(work: PromiseLike<T>, ms: number): Promise<T> =>
  withTimeout(work, ms, () => {
    const message = `Redis gave no answer within ${ms} ms; whether the command was carried out is unknown`;
    return new DeadlineError(message);
  });
