import { StewardError } from '../errors';

/** The store did not have the write within the deadline. The write is safe: it is in the journal and will be saved. */
export class FlushTimeoutError extends StewardError {
  readonly code = 'E_FLUSH_TIMEOUT';
}

/** The write is certainly not in the journal. Nothing was changed, so the caller may try again. */
export class WriteRefusedError extends StewardError {
  readonly code = 'E_WRITE_REFUSED';
}

/**
 * The journal did not answer, so the write may have been queued. The cache is unchanged; the write may appear later.
 * A retry with the same version is safe.
 */
export class WriteUnknownError extends StewardError {
  readonly code = 'E_WRITE_UNKNOWN';
}
