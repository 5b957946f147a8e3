import { errorCode } from '../../errors';
import { PackageMissingError } from '../../optional-packages';
import { NotInTimeError } from './in-time';

/** What a failed request says about its message. */
export interface SendFailure {
  /** True if the message is certainly not in the queue. */
  readonly certain: boolean;
  /** True if the same request may succeed later. */
  readonly repeatable: boolean;
}

/** Node's error codes before the first byte was sent. */
const NOT_CONNECTED = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH']);

/**
 * Classifies the failure of a request that was sent once. A 4xx answer is a refusal. After a 5xx answer, a lost
 * connection or an abort, the service may have carried the request out.
 */
export function sendFailure(error: unknown): SendFailure {
  const { statusCode, name } = (error ?? {}) as { statusCode?: unknown; name?: unknown };
  if (typeof statusCode === 'number') {
    if (statusCode === 408 || statusCode >= 500) return { certain: false, repeatable: true };
    return { certain: true, repeatable: statusCode === 429 };
  }
  if (NOT_CONNECTED.has(errorCode(error)) || error instanceof NotInTimeError)
    return { certain: true, repeatable: true };
  if (error instanceof PackageMissingError) return { certain: true, repeatable: false };
  if (typeof name === 'string' && /Credential|Authentication|StorageSettings/.test(name)) {
    return { certain: true, repeatable: false };
  }
  return { certain: false, repeatable: true };
}
