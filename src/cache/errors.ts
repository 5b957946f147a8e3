import { StewardError } from '../errors';

/** Redis is away and the time of its server is not known here, or not well enough, to give a write its version. */
export class VersionUnavailableError extends StewardError {
  readonly code = 'E_VERSION_UNAVAILABLE';
}

/** The value can't be serialized, or is nothing (`undefined`) where a value is needed. */
export class SerializeError extends StewardError {
  readonly code = 'E_SERIALIZE';
}

/** The serialized value is longer than `maxValueBytes`. */
export class ValueTooLargeError extends StewardError {
  readonly code = 'E_VALUE_TOO_LARGE';
}

/** An option, a tag, a prefix or a pattern is not what it must be. */
export class CacheInputError extends StewardError {
  readonly code = 'E_CACHE_INPUT';
}

/** The key holds a value that this library did not write; it is left in place. */
export class ForeignEntryError extends StewardError {
  readonly code = 'E_FOREIGN_ENTRY';
}

/** The loader took longer than its hard time-out, here or in the process that was loading. */
export class LoadTimeoutError extends StewardError {
  readonly code = 'E_LOAD_TIMEOUT';
}

/** The load failed a moment ago in another process, which shares the failure; `reason` is its code. */
export class LoadFailedError extends StewardError {
  readonly code = 'E_LOAD_FAILED';
  constructor(
    message: string,
    readonly reason: string,
  ) {
    super(message);
  }
}
