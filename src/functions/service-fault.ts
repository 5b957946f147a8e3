import { errorCode } from '../errors';

/**
 * Which service an error is of, in a sentence without hosts and accounts; undefined if it is of none. Storage is the one
 * service whose SDK's own errors get here: Redis and the database have typed errors, the others are caught where they
 * are asked.
 */
export function serviceFault(error: Error): string | undefined {
  const code = errorCode(error);
  if (code === 'E_REDIS_UNAVAILABLE' || code === 'E_DEADLINE') return `Redis does not answer: ${code}`;
  if (error.name !== 'RestError') return undefined;
  const { statusCode } = error as { statusCode?: unknown };
  return typeof statusCode === 'number'
    ? `Storage answered ${statusCode}: ${code}`
    : `Storage does not answer: ${code}`;
}
