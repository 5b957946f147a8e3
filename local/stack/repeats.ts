const QUIET_MS = 10_000;
/** Texts that are remembered; beyond, all are forgotten, and one may be shown a little early. */
const MOST = 1_000;

/**
 * Shows a line that comes again and again at once, then at most every ten seconds, with how often it came meanwhile.
 * Lines that differ in numbers only are the same; an address keeps its port.
 */
export function collapseRepeats(say: (line: string) => void, now: () => number = Date.now): (line: string) => void {
  const shown = new Map<string, { readonly at: number; more: number }>();
  return (line) => {
    const text = line.replace(/(\S*:\d+)|\d+/g, (_, address?: string) => address ?? '#');
    const last = shown.get(text);
    if (last && now() - last.at < QUIET_MS) {
      last.more += 1;
      return;
    }
    if (shown.size >= MOST) shown.clear();
    shown.set(text, { at: now(), more: 0 });
    say(last && last.more > 0 ? `${line}  (and ${last.more} more like it)` : line);
  };
}
