import { StewardError } from '../errors';

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
