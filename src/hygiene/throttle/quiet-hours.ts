import { StewardError } from '../../errors';
import { shownValue } from '../../settings/shown-value';

/** Hours of the day, by the clock of a time zone, in which no sweep runs. */
export interface QuietHours {
  /** Milliseconds until the quiet hours around `at` end; 0 if `at` is in none. */
  leftMs(at: number): number;
}

export class QuietHoursError extends StewardError {
  readonly code = 'E_QUIET_HOURS';
}

const MINUTE_MS = 60_000;
const DAY_MINUTES = 24 * 60;

/**
 * `ranges` like `07:00-09:30`; one that ends before it begins passes midnight. `timeZone` is an IANA name. Throws
 * `E_QUIET_HOURS` if either cannot be read.
 */
export function quietHours(ranges: readonly string[], timeZone: string): QuietHours {
  const spans = ranges.map(toSpan);
  const clock = zoneClock(timeZone);
  const isQuiet = (minute: number) =>
    spans.some(({ from, to }) => (from < to ? minute >= from && minute < to : minute >= from || minute < to));
  return {
    leftMs(at) {
      if (spans.length === 0 || !isQuiet(clock(at))) return 0;
      // Minute by minute in real time, so that a change of the clocks needs no case of its own.
      const minuteStart = at - (at % MINUTE_MS);
      for (let ahead = 1; ahead <= DAY_MINUTES; ahead += 1) {
        const then = minuteStart + ahead * MINUTE_MS;
        if (!isQuiet(clock(then))) return then - at;
      }
      return DAY_MINUTES * MINUTE_MS;
    },
  };
}

function toSpan(range: string): { from: number; to: number } {
  const match = /^(\d{2}):(\d{2})-(\d{2}):(\d{2})$/.exec(range);
  const [fromHour, fromMinute, toHour, toMinute] = (match ?? []).slice(1).map(Number) as [
    number,
    number,
    number,
    number,
  ];
  if (!match || fromHour > 23 || toHour > 24 || fromMinute > 59 || toMinute > 59) {
    throw new QuietHoursError(`SWEEP_QUIET_HOURS: expected ranges like 07:00-09:30, got ${shownValue(range)}`);
  }
  return { from: fromHour * 60 + fromMinute, to: toHour * 60 + toMinute };
}

/** The minute of the day in a zone. */
function zoneClock(timeZone: string): (at: number) => number {
  try {
    const format = new Intl.DateTimeFormat('en-GB', { timeZone, hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
    return (at) => {
      const [hour, minute] = format.format(at).split(':').map(Number) as [number, number];
      return hour * 60 + minute;
    };
  } catch (cause: unknown) {
    throw new QuietHoursError(`Expected an IANA time zone like Europe/Berlin, got ${shownValue(timeZone)}`, {
      cause,
    });
  }
}
