/** A schedule that can't be read. */
export class ScheduleError extends Error {
  /** `expected`: the field that is wrong and its range; undefined if there are not six. */
  constructor(
    message: string,
    readonly expected?: string,
  ) {
    super(message);
  }
}

interface Field {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  readonly words?: readonly string[];
}

const MONTHS = 'January February March April May June July August September October November December'.split(' ');
const DAYS = 'Sunday Monday Tuesday Wednesday Thursday Friday Saturday'.split(' ');

const FIELDS: readonly Field[] = [
  { name: 'second', min: 0, max: 59 },
  { name: 'minute', min: 0, max: 59 },
  { name: 'hour', min: 0, max: 23 },
  { name: 'day', min: 1, max: 31 },
  { name: 'month', min: 1, max: 12, words: MONTHS },
  { name: 'day of week', min: 0, max: 6, words: DAYS },
];

/** A leap day on a given weekday comes back within 28 years, or 40 across a century that has none. */
const HORIZON_DAYS = 366 * 41;
const SECOND = 1_000;
const DAY = 86_400 * SECOND;

/** When a timer is due. Whole seconds, UTC. */
export interface Schedule {
  /** The first occurrence strictly after `base`; undefined if there is none, as for 30 February. */
  next(base: Date): Date | undefined;
}

/**
 * Reads NCRONTAB: six fields, or five with the second being 0. Day and day of week must both match, a reversed range
 * is swapped, `a/n` runs from a to the field's end, names match by prefix. Throws `ScheduleError`.
 */
export function parseSchedule(expression: string): Schedule {
  // A tab is no separator.
  const parts = expression.split(' ').filter(Boolean);
  if (parts.length === 5) parts.unshift('0');
  if (parts.length !== FIELDS.length) {
    throw new ScheduleError(`Expected a schedule of six fields, got ${JSON.stringify(expression)}`);
  }
  const [seconds, minutes, hours, days, months, weekdays] = FIELDS.map((field, index) =>
    parseField(field, parts[index] ?? ''),
  ) as [Values, Values, Values, Values, Values, Values];

  const dayMatches = (day: Date) =>
    months.has(day.getUTCMonth() + 1) && days.has(day.getUTCDate()) && weekdays.has(day.getUTCDay());

  return {
    next(base) {
      const from = (Math.floor(base.getTime() / SECOND) + 1) * SECOND;
      const midnight = Math.floor(from / DAY) * DAY;
      for (let ahead = 0; ahead < HORIZON_DAYS; ahead += 1) {
        const day = midnight + ahead * DAY;
        if (!dayMatches(new Date(day))) continue;
        const time = firstTime(hours, minutes, seconds, Math.max(0, (from - day) / SECOND));
        if (time !== undefined) return new Date(day + time * SECOND);
      }
      return undefined;
    },
  };
}

type Values = ReadonlySet<number>;

/** The first second of the day, at or after `earliest`, that matches. */
function firstTime(hours: Values, minutes: Values, seconds: Values, earliest: number): number | undefined {
  for (let hour = Math.floor(earliest / 3600); hour < 24; hour += 1) {
    if (!hours.has(hour)) continue;
    for (let minute = 0; minute < 60; minute += 1) {
      if (!minutes.has(minute) || hour * 3600 + minute * 60 + 59 < earliest) continue;
      for (let second = 0; second < 60; second += 1) {
        const time = hour * 3600 + minute * 60 + second;
        if (seconds.has(second) && time >= earliest) return time;
      }
    }
  }
  return undefined;
}

function parseField(field: Field, text: string): Values {
  const values = new Set<number>();
  for (const item of text.split(',')) {
    const [, range = '', step] = /^([^/]*)(?:\/(\d+))?$/.exec(item) ?? fail(field, text);
    // NCrontab takes a step of 0 for one of 1.
    const every = Math.max(1, Number(step ?? 1));
    const [from, to] = bounds(field, text, range, step !== undefined);
    for (let value = from; value <= to; value += every) values.add(value);
  }
  return values;
}

function bounds(field: Field, text: string, range: string, stepped: boolean): readonly [number, number] {
  if (range === '*') return [field.min, field.max];
  const ends = range.split('-').map((end) => parseValue(field, text, end));
  const [first = fail(field, text), last = stepped ? field.max : first, ...more] = ends;
  if (more.length > 0) fail(field, text);
  return [Math.min(first, last), Math.max(first, last)];
}

function parseValue(field: Field, text: string, value: string): number {
  if (/^\d+$/.test(value)) {
    const number = Number(value);
    return number >= field.min && number <= field.max ? number : fail(field, text);
  }
  const named = field.words?.findIndex((word) => word.toLowerCase().startsWith(value.toLowerCase())) ?? -1;
  return value === '' || named < 0 ? fail(field, text) : named + field.min;
}

function fail(field: Field, text: string): never {
  const number = FIELDS.indexOf(field) + 1;
  const values = `${field.min} to ${field.max}${field.words ? ' or names' : ''}`;
  const expected = `field ${number}, the ${field.name}, to be ${values}, or lists, ranges or steps of these`;
  throw new ScheduleError(`Expected ${expected}, got ${JSON.stringify(text)}`, expected);
}
