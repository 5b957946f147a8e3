import { StewardError } from '../errors';

/** The store did not have the write in time. The write is safe: it is in the journal, and will be saved. */
export class FlushTimeoutError extends StewardError {
  readonly code = 'E_FLUSH_TIMEOUT';
}

/** The write is certainly not in the journal: nothing happened, and it may be tried again. */
export class WriteRefusedError extends StewardError {
  readonly code = 'E_WRITE_REFUSED';
}

/**
 * The journal did not answer: the write may be in it or not. The cache is untouched; the write may still appear.
 * Repeating it with the same version is safe.
 */
export class WriteUnknownError extends StewardError {
  readonly code = 'E_WRITE_UNKNOWN';
}
