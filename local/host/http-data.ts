import type { IncomingMessage, ServerResponse } from 'node:http';
import type { HttpCookie, HttpData, TypedData } from './rpc';

/** A request as the function gets it. The body counts only with a Content-Length: a chunked one arrives empty. */
export async function requestData(
  request: IncomingMessage,
  url: URL,
  params: Readonly<Record<string, string>>,
): Promise<TypedData> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const sized = Number(request.headers['content-length'] ?? 0) > 0;
  const http: HttpData = {
    method: request.method ?? 'GET',
    url: url.href,
    nullableHeaders: wrapped(
      Object.entries(request.headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : value]),
    ),
    nullableQuery: wrapped([...url.searchParams]),
    nullableParams: wrapped(Object.entries(params)),
    ...(sized ? { body: { bytes: Buffer.concat(chunks) } } : {}),
  };
  return { http };
}

function wrapped(entries: readonly (readonly [string, string | undefined])[]): Record<string, { value: string }> {
  return Object.fromEntries(entries.flatMap(([name, value]) => (value === undefined ? [] : [[name, { value }]])));
}

/** Writes what a function returned; nothing at all is an empty 204. */
export function writeResponse(response: ServerResponse, returned: TypedData | null | undefined): void {
  const http = returned?.http;
  if (!http) {
    response.writeHead(204).end();
    return;
  }
  for (const [name, value] of Object.entries(http.headers ?? {})) response.setHeader(name, value);
  const cookies = (http.cookies ?? []).map(cookieHeader);
  if (cookies.length > 0) response.appendHeader('set-cookie', cookies);
  response.statusCode = Number(http.statusCode ?? 200);
  const body = http.body?.bytes ?? http.body?.string ?? http.body?.json;
  response.end(typeof body === 'string' ? body : body && Buffer.from(body));
}

function cookieHeader(cookie: HttpCookie): string {
  const site = { lax: 'Lax', strict: 'Strict', explicitNone: 'None', none: undefined }[cookie.sameSite ?? 'none'];
  const parts = [
    `${cookie.name}=${encodeURIComponent(cookie.value)}`,
    cookie.maxAge && `max-age=${cookie.maxAge.value}`,
    cookie.domain && `domain=${cookie.domain.value}`,
    cookie.path && `path=${cookie.path.value}`,
    cookie.expires && `expires=${new Date(cookie.expires.value.seconds * 1000).toUTCString()}`,
    cookie.secure?.value && 'secure',
    cookie.httpOnly?.value && 'httponly',
    site && `samesite=${site}`,
  ];
  return parts.filter(Boolean).join('; ');
}
