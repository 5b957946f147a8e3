import { coerceError } from '../errors';
import { withTimeout } from '../timeout';
import { type Finding, fault } from './finding';

/** Longer than any service needs that is well: a slow answer is better than a wrong finding. */
const TIMEOUT_MS = 10_000;

export const limited = <T>(work: Promise<T>): Promise<T> =>
  withTimeout(work, TIMEOUT_MS, () => new Error(`no answer within ${TIMEOUT_MS} ms`));

/** What was found within the time, or why nothing was. */
export async function attempt(
  check: string,
  subject: string,
  advice: string,
  look: () => Promise<Finding>,
): Promise<Finding> {
  try {
    return await limited(look());
  } catch (error) {
    return fault(check, `${subject}: ${firstLine(error)}`, advice);
  }
}

export const firstLine = (error: unknown): string => coerceError(error).message.split('\n')[0] ?? '';
