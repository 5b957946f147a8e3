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

/**
 * By its code: the bundles `cache-steward`, `cache-steward/functions` and `cache-steward/testing` each have a class of
 * their own, and a store that throws one of them may serve the jobs of another.
 */
export function isPermanentStoreError(thrown: unknown): thrown is PermanentStoreError {
  return thrown instanceof Error && (thrown as Partial<PermanentStoreError>).code === 'E_STORE_PERMANENT';
}
