import { StewardError } from '../errors';

/** Redis didn't answer in time. The request must not go on as if nobody were logged in. */
export class SessionsUnavailableError extends StewardError {
  readonly code = 'E_SESSIONS_UNAVAILABLE';
  /** Express and most error handlers answer with it. */
  readonly status = 503;
  readonly statusCode = 503;
}

/** The session is larger than `maxBytes`; it was not saved, and what was there before still is. */
export class SessionTooLargeError extends StewardError {
  readonly code = 'E_SESSION_TOO_LARGE';
  readonly status = 500;
  constructor(
    readonly bytes: number,
    readonly maxBytes: number,
  ) {
    super(`Expected a session of at most ${maxBytes} bytes, got ${bytes}: keep large things in the cache instead`);
  }
}

/** The serializer can't write the session, for example because it refers to itself or holds a BigInt. */
export class SessionUnserializableError extends StewardError {
  readonly code = 'E_SESSION_UNSERIALIZABLE';
  readonly status = 500;
}

/** An option that can't work. */
export class SessionOptionsError extends StewardError {
  readonly code = 'E_SESSION_OPTIONS';
}
