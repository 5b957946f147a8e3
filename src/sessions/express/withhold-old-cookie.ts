import type { IncomingMessage, ServerResponse } from 'node:http';

type SessionRequest = IncomingMessage & { res?: ServerResponse | undefined; session?: unknown };

/**
 * Sends this response without a cookie. A request that runs while its session's id is regenerated would otherwise, with
 * a rolling cookie, return the old id to a browser that already has the new one.
 */
export function withholdOldCookie(request: SessionRequest): void {
  const { res } = request;
  if (res === undefined || res.headersSent) return;
  const { writeHead } = res;
  res.writeHead = function withheld(this: ServerResponse, ...args: unknown[]) {
    // express-session runs after this and sets no cookie if there is no session.
    const { session } = request;
    delete request.session;
    try {
      return Reflect.apply(writeHead, this, args);
    } finally {
      request.session = session;
    }
  } as ServerResponse['writeHead'];
}
