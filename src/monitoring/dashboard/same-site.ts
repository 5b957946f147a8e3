/** The header that the page sends with what changes state. A form of another site can't send it. */
export const ACTION_HEADER = 'x-steward-action';

/**
 * Whether a request that changes state comes from the page itself. A browser says where a request comes from and asks
 * before it sends a header of one's own to another site; tools send neither origin nor site, but must send the header.
 */
export function isSameSite(headers: { get(name: string): string | null }, ownOrigin: string): boolean {
  if (headers.get(ACTION_HEADER) === null) return false;
  const site = headers.get('sec-fetch-site');
  if (site !== null && site !== 'same-origin') return false;
  const origin = headers.get('origin');
  return origin === null || origin === ownOrigin;
}
