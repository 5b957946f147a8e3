import { StewardError } from '../errors';

/** Redis did not answer in time. The request must not continue as if nobody were logged in. */
export class SessionsUnavailableError extends StewardError {
  readonly code = 'E_SESSIONS_UNAVAILABLE';
  /** Express and most error handlers use it as the response status. */
  readonly status = 503;
  readonly statusCode = 503;
}

/** The session is larger than `maxBytes`. It was not saved; the stored session is unchanged. */
export class SessionTooLargeError extends StewardError {
  readonly code = 'E_SESSION_TOO_LARGE';
  readonly status = 500;
  constructor(
    readonly bytes: number,
    readonly maxBytes: number,
  ) {
    super(
      `Expected a session of at most ${maxBytes} bytes, got ${bytes}. It was not saved. Keep large values in the cache instead.`,
    );
  }
}

/** The serializer cannot write the session, for example because it contains a cycle or a BigInt. */
export class SessionUnserializableError extends StewardError {
  readonly code = 'E_SESSION_UNSERIALIZABLE';
  readonly status = 500;
}

/** An option has an impossible value. */
export class SessionOptionsError extends StewardError {
  readonly code = 'E_SESSION_OPTIONS';
}
