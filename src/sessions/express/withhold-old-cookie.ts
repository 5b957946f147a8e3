import type { IncomingMessage, ServerResponse } from 'node:http';

type SessionRequest = IncomingMessage & { res?: ServerResponse | undefined; session?: unknown };

/**
 * A request under way while its session's id is regenerated would, with a rolling cookie, give the browser the old id
 * back after it has got the new one. So its answer, if the headers are not sent yet, carries no cookie.
 */
export function withholdOldCookie(request: SessionRequest): void {
  const { res } = request;
  if (res === undefined || res.headersSent) return;
  const { writeHead } = res;
  res.writeHead = function withheld(this: ServerResponse, ...args: unknown[]) {
    // express-session, which stands behind this, sets no cookie where there is no session.
    const { session } = request;
    delete request.session;
    try {
      return Reflect.apply(writeHead, this, args);
    } finally {
      request.session = session;
    }
  } as ServerResponse['writeHead'];
}
