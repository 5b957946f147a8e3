import { parseSchedule, ScheduleError } from './ncrontab';

/** Turns the string of the environment, or its absence, into a typed value. */
export interface SettingSchema<T> {
  /** The value of an absent setting. */
  readonly fallback: T;
  /** The expected value in words, for docs/settings.md and for the message about a wrong one. */
  readonly expected: string;
  /** Of the value, if it has one: `ms`, `s`, `bytes`, `NCRONTAB`, ... */
  readonly unit?: string;
  /** `expected`: of a wrong value, if more can be said than for all. */
  safeParse(
    given: string | undefined,
  ): { readonly success: true; readonly data: T } | { readonly success: false; readonly expected?: string | undefined };
}

/** One setting: everything the code, the docs and the sample file need to know of it, said once. */
export interface Setting<T = unknown> {
  readonly schema: SettingSchema<T>;
  /** Its purpose, in one or two sentences. */
  readonly meaning: string;
  /** The danger of a careless value. */
  readonly danger?: string;
  /** Masked in every message. */
  readonly secret?: true;
  /** The value in `local.settings.sample.json`; left out there when absent. */
  readonly sample?: string;
}

export type SettingsSection = { readonly title: string; readonly settings: Readonly<Record<string, Setting>> };

/** Keeps the literal types of a section's settings. */
export function section<T extends Record<string, Setting>>(title: string, settings: T): { title: string; settings: T } {
  return { title, settings };
}

/**
 * The environment knows only strings: these turn one into the kind of value a setting has. Plain code rather than zod,
 * whose load would be most of what a web app waits for when it requires this package.
 */

class Wrong {
  constructor(readonly expected?: string) {}
}
const WRONG = new Wrong();

/** An empty value counts as absent. */
function kind<T>(fallback: T, expected: string, read: (given: string) => T | Wrong): SettingSchema<T> {
  return {
    fallback,
    expected,
    safeParse(given) {
      const data = given === undefined || given === '' ? fallback : read(given);
      return data instanceof Wrong ? { success: false, expected: data.expected } : { success: true, data };
    },
  };
}

/** A kind whose value has a unit. */
export const measured = <T>(unit: string, schema: SettingSchema<T>): SettingSchema<T> => ({ ...schema, unit });

/** A kind that may be absent. */
const optional = <T>(expected: string, read: (given: string) => T | Wrong) =>
  kind<T | undefined>(undefined, expected, read);

const ifTrue = (test: (given: string) => boolean) => (given: string) => (test(given) ? given : WRONG);

const numberIn = (min: number, max: number) => (given: string) => {
  const value = Number(given);
  return value >= min && value <= max ? value : WRONG;
};

const wholeIn = (min: number, max: number) => (given: string) =>
  Number.isSafeInteger(Number(given)) ? numberIn(min, max)(given) : WRONG;

const range = (what: string, min: number, max: number) =>
  `${what} from ${min}${max === Number.MAX_SAFE_INTEGER ? ' up' : ` to ${max}`}`;

export const text = (expected: string) => optional(expected, (given) => given);
export const textOr = (fallback: string, expected: string) => kind(fallback, expected, (given) => given);

/** Text of this form. */
export const textLike = (form: RegExp, expected: string) =>
  optional(
    expected,
    ifTrue((given) => form.test(given)),
  );
export const textLikeOr = (fallback: string, form: RegExp, expected: string) =>
  kind(
    fallback,
    expected,
    ifTrue((given) => form.test(given)),
  );

export const whole = (fallback: number, min: number, max = Number.MAX_SAFE_INTEGER) =>
  kind(fallback, range('a whole number', min, max), wholeIn(min, max));
export const optionalWhole = (min: number, max = Number.MAX_SAFE_INTEGER) =>
  optional(range('a whole number', min, max), wholeIn(min, max));
export const share = (fallback: number, min = 0, max = 1) =>
  kind(fallback, range('a number', min, max), numberIn(min, max));

export const flag = (fallback: boolean) =>
  kind(fallback, 'true or false', (given) => {
    if (given === 'true' || given === '1') return true;
    return given === 'false' || given === '0' ? false : WRONG;
  });

export const oneOf = <const T extends readonly [string, ...string[]]>(values: T, fallback: T[number]) =>
  kind<T[number]>(
    fallback,
    `${values.slice(0, -1).join(', ')} or ${values.at(-1)}`,
    ifTrue((given) => values.includes(given)),
  );

/** `items`: the items in words, for example `host:port`. */
export const list = (items: string) =>
  kind<string[]>([], `${items}, separated by commas`, (given) =>
    given
      .split(',')
      .map((item) => item.trim())
      .filter(Boolean),
  );

/** An address that a service answers at, such as `postgres://user:password@host/db`. */
export const addressOf = (expected: string, schemes: RegExp) =>
  optional(expected, (given) => {
    if (URL.canParse(given))
      return schemes.test(new URL(given).protocol) && new URL(given).port !== '0' ? given : WRONG;
    // An address that is one without its port has a wrong port.
    const isPort = URL.canParse(given.replace(/:\d+(?=\/|$)/, ''));
    return isPort ? new Wrong(`${expected} with a port from 1 to 65535`) : WRONG;
  });

export const webAddress = () => addressOf('an http or https URL', /^https?:$/);

/** Six NCRONTAB fields, of a time that comes. */
export const schedule = (fallback: string) =>
  measured(
    'NCRONTAB, UTC',
    kind(fallback, 'six NCRONTAB fields: second minute hour day month weekday, UTC', readSchedule),
  );

function readSchedule(value: string): string | Wrong {
  if (value.trim().split(/\s+/).length !== 6) return WRONG;
  try {
    const comes = parseSchedule(value).next(new Date()) !== undefined;
    return comes ? value : new Wrong('a time that comes');
  } catch (error) {
    return new Wrong(error instanceof ScheduleError ? error.expected : undefined);
  }
}

const QUEUE_NAME = '3 to 56 lower-case letters, digits and single hyphens';
/** A valid name of a storage queue, with room for `-poison`, which the host appends. */
const isQueueName = (given: string) => /^(?=.{3,56}$)[a-z0-9]+(-[a-z0-9]+)*$/.test(given);

export const queueName = (fallback: string) => kind(fallback, QUEUE_NAME, ifTrue(isQueueName));
export const optionalQueueName = () => optional(QUEUE_NAME, ifTrue(isQueueName));

/** Enough of a connection string to know it for one; the SDK reads the rest. */
export const connectionString = () =>
  optional(
    'a storage connection string, or UseDevelopmentStorage=true',
    ifTrue((given) => /^UseDevelopmentStorage=true$|(^|;)(AccountName|\w+Endpoint)=/i.test(given)),
  );

export const timeZone = (fallback: string) =>
  kind(fallback, 'an IANA time zone such as Europe/Berlin', ifTrue(isTimeZone));

function isTimeZone(value: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: value }) !== undefined;
  } catch {
    return false;
  }
}
