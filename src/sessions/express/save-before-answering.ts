import type { IncomingMessage, ServerResponse } from 'node:http';
import { isDeepStrictEqual } from 'node:util';
import { SessionUnserializableError } from '../errors';

interface SavedSession {
  save(callback: (error?: unknown) => void): unknown;
}
type SessionRequest = IncomingMessage & { session?: SavedSession | undefined; sessionID?: string };

/**
 * express-session sends the headers first and saves then, so a login that couldn't be saved would still be answered as
 * done. With this the session is saved before anything is sent, and `fail` can answer instead. What a response has
 * begun to stream already can't be taken back.
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
      delete request.session; // express-session would try once more, and send the cookie of what isn't there
      return proceed();
    }
    if (ended || session === undefined || this.headersSent) return proceed();
    // A regenerated session is a new record, even where it says word for word what the old one said.
    if (request.sessionID === idBefore && !isChanged(session, base)) return proceed();
    ended = true;
    const failure = (error: unknown) => {
      failed = true;
      fail(error);
    };
    try {
      session.save((error) => (error ? failure(error) : proceed()));
    } catch (cause) {
      // express-session writes it as JSON to see whether it changed, before any store is asked.
      failure(new SessionUnserializableError('Expected a session that JSON can hold', { cause }));
    }
    return this;
  } as ServerResponse['end'];
}

/** Whether express-session is going to save it: whether anything but the cookie is another than it was. */
function isChanged(session: SavedSession, base: string | undefined): boolean {
  try {
    const { cookie: _, ...now } = JSON.parse(JSON.stringify(session));
    const { cookie: __, ...before } = base === undefined ? {} : JSON.parse(base);
    return !isDeepStrictEqual(now, before);
  } catch {
    return true;
  }
}
