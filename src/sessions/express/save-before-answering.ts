import type { IncomingMessage, ServerResponse } from 'node:http';
import { isDeepStrictEqual } from 'node:util';
import { SessionUnserializableError } from '../errors';

interface SavedSession {
  save(callback: (error?: unknown) => void): unknown;
}
type SessionRequest = IncomingMessage & { session?: SavedSession | undefined; sessionID?: string };

/**
 * Saves the session before the response is sent, so that `fail` can answer if the save fails. express-session sends the
 * headers first and saves afterwards, so a login that was not saved would be answered as successful. A response that has
 * begun to stream cannot be taken back.
 */
export function saveBeforeAnswering(
  request: SessionRequest,
  response: ServerResponse,
  base: string | undefined,
  fail: (error: unknown) => void,
): void {
  const end = response.end;
  const idBefore = request.sessionID;
  let failed = false;
  let ended = false;
  response.end = function savedFirst(this: ServerResponse, ...args: unknown[]) {
    const { session } = request;
    const proceed = () => Reflect.apply(end, this, args) as ServerResponse;
    if (failed) {
      delete request.session; // express-session would save again, and send the cookie of a session that does not exist
      return proceed();
    }
    if (ended || session === undefined || this.headersSent) return proceed();
    // A regenerated session is a new record, even with the same content.
    if (request.sessionID === idBefore && !isChanged(session, base)) return proceed();
    ended = true;
    const failure = (error: unknown) => {
      failed = true;
      fail(error);
    };
    try {
      session.save((error) => (error ? failure(error) : proceed()));
    } catch (cause) {
      // express-session serializes the session as JSON to find changes, before it calls the store.
      failure(
        new SessionUnserializableError(
          'The session cannot be written as JSON, so it was not saved. The cause says why.',
          { cause },
        ),
      );
    }
    return this;
  } as ServerResponse['end'];
}

/** True if express-session will save the session: anything except the cookie has changed. */
function isChanged(session: SavedSession, base: string | undefined): boolean {
  try {
    const { cookie: _, ...now } = JSON.parse(JSON.stringify(session));
    const { cookie: __, ...before } = base === undefined ? {} : JSON.parse(base);
    return !isDeepStrictEqual(now, before);
  } catch {
    return true;
  }
}
