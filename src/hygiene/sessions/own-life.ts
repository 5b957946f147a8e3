/**
 * What is left of the life that a record claims for itself, in ms; undefined where it claims none. The same is said in
 * lua/sessions-page.lua, and one test table goes over both.
 */
export function ownLifeMs(head: string, nowMs: number): number | undefined {
  if (head.startsWith('cs1 ')) {
    const [ends, seen, idle] = [head.slice(37, 50), head.slice(51, 64), head.slice(65, 78)].map(digits);
    if (ends === undefined || seen === undefined || idle === undefined) return undefined;
    return Math.max(1_000, (idle > 0 ? Math.min(seen + idle, ends) : ends) - nowMs);
  }
  const cookie = /"originalMaxAge":(\d+)/.exec(head);
  return cookie ? Math.max(1_000, Number(cookie[1])) : undefined;
}

const digits = (text: string): number | undefined => (/^\d+$/.test(text) ? Number(text) : undefined);

/** Whether a record is one of ours or of connect-redis, undamaged as far as the sweep can tell. */
export function isSound(text: string): boolean {
  if (text.startsWith('cs1 ')) return /^cs1 [srp] \d+ \d+ \d+ \d+ \d+ \d+ [\w-]+\n[^\n]*\n/.test(text);
  try {
    return text.startsWith('{') && JSON.parse(text) !== null;
  } catch {
    return false;
  }
}
