import { coerceError } from '../../errors';
import { PackageMissingError } from '../../optional-packages';
import { withTimeout } from '../../timeout';
import { type Finding, fault } from '../finding';

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
    return packageFault(error) ?? fault(check, `${subject}: ${firstLine(error)}`, advice);
  }
}

const INSTALL =
  'Install it in the folder from which this command runs. The app on Azure brings all its packages along.';

/** A missing package says nothing about the service that needs it. */
export const packageFault = (error: unknown): Finding | undefined =>
  error instanceof PackageMissingError ? fault('packages', firstLine(error), INSTALL) : undefined;

export const firstLine = (error: unknown): string => coerceError(error).message.split('\n')[0] ?? '';
