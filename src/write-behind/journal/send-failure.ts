import { errorCode } from '../../errors';
import { NotInTimeError } from './in-time';

/** What a failed request says of the message it carried. */
export interface SendFailure {
  /** The message is certainly not in the queue. */
  readonly certain: boolean;
  /** The same request may succeed later. */
  readonly repeatable: boolean;
}

/** Of Node, before a byte of the request was sent. */
const NOT_CONNECTED = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH']);

/**
 * Reads a failure of a request that was sent once. An answer of 4xx is a refusal; an answer of 5xx, a lost connection
 * and an abort leave it open whether the service carried it out.
 */
export function sendFailure(error: unknown): SendFailure {
  const { statusCode, name } = (error ?? {}) as { statusCode?: unknown; name?: unknown };
  if (typeof statusCode === 'number') {
    if (statusCode === 408 || statusCode >= 500) return { certain: false, repeatable: true };
    return { certain: true, repeatable: statusCode === 429 };
  }
  if (NOT_CONNECTED.has(errorCode(error)) || error instanceof NotInTimeError)
    return { certain: true, repeatable: true };
  if (typeof name === 'string' && /Credential|Authentication|StorageSettings/.test(name)) {
    return { certain: true, repeatable: false };
  }
  return { certain: false, repeatable: true };
}
