import { StewardError } from '../errors';

/** The store is down, throttled or deadlocked: the same rows may be saved later. */
export class TransientStoreError extends StewardError {
  readonly code = 'E_STORE_TRANSIENT';
}

/** At least one row of the call can never be saved as it is, for example a value that a column refuses. */
export class PermanentStoreError extends StewardError {
  readonly code = 'E_STORE_PERMANENT';
  constructor(
    message: string,
    /** SQLSTATE or a like code of the store. */
    readonly reason: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }
}
