import { StewardError } from '../errors';

/** Redis is unavailable, and this process does not know its time well enough to give a write its version. */
export class VersionUnavailableError extends StewardError {
  readonly code = 'E_VERSION_UNAVAILABLE';
}

/** The value cannot be serialized, or it is `undefined` and the call needs a value. */
export class SerializeError extends StewardError {
  readonly code = 'E_SERIALIZE';
}

/** The serialized value is longer than `maxValueBytes`. */
export class ValueTooLargeError extends StewardError {
  readonly code = 'E_VALUE_TOO_LARGE';
}

/** An option, a tag, a prefix or a pattern is invalid. */
export class CacheInputError extends StewardError {
  readonly code = 'E_CACHE_INPUT';
}

/** The key holds a value that this library did not write. The value is left in place. */
export class ForeignEntryError extends StewardError {
  readonly code = 'E_FOREIGN_ENTRY';
}

/** The loader took longer than its hard time-out, in this process or in the one that was loading. */
export class LoadTimeoutError extends StewardError {
  readonly code = 'E_LOAD_TIMEOUT';
}

/** The load failed a moment ago in another process, which shares its failure. `reason` is the error code of the failure. */
export class LoadFailedError extends StewardError {
  readonly code = 'E_LOAD_FAILED';
  constructor(
    message: string,
    readonly reason: string,
  ) {
    super(message);
  }
}
