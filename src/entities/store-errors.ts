import { StewardError } from '../errors';

/** The store is down, throttled or deadlocked. The same rows may be saved later. */
export class TransientStoreError extends StewardError {
  readonly code = 'E_STORE_TRANSIENT';
}

/** At least one row of the call can never be saved, for example because a column refuses its value. */
export class PermanentStoreError extends StewardError {
  readonly code = 'E_STORE_PERMANENT';
  constructor(
    message: string,
    /** SQLSTATE, or a similar code of the store. */
    readonly reason: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }
}

/**
 * Compares the code, not the class: the bundles `cache-steward`, `cache-steward/functions` and `cache-steward/testing`
 * each have their own class, and a store may throw that of another bundle.
 */
export const isPermanentStoreError = (thrown: unknown): thrown is PermanentStoreError =>
  thrown instanceof Error && (thrown as Partial<PermanentStoreError>).code === 'E_STORE_PERMANENT';
