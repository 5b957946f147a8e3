import * as z from 'zod';
import { parseSchedule } from './ncrontab';

/** The environment knows only strings: these turn one into the kind of value a setting has. */

const absent = (value: unknown) => (value === '' ? undefined : value);

export const text = () => z.preprocess(absent, z.string().optional());
export const textOr = (fallback: string) => z.preprocess(absent, z.string().default(fallback));

export const webAddress = () => z.preprocess(absent, z.url({ protocol: /^https?$/ }).optional());

export const whole = (fallback: number, min: number, max = Number.MAX_SAFE_INTEGER) =>
  z.preprocess(absent, z.coerce.number().int().min(min).max(max).default(fallback));

export const optionalWhole = (min: number, max = Number.MAX_SAFE_INTEGER) =>
  z.preprocess(absent, z.coerce.number().int().min(min).max(max).optional());

export const share = (fallback: number, min = 0, max = 1) =>
  z.preprocess(absent, z.coerce.number().min(min).max(max).default(fallback));

export const flag = (fallback: boolean) =>
  z.preprocess(
    absent,
    z
      .enum(['true', 'false', '1', '0'])
      .default(fallback ? 'true' : 'false')
      .transform((value) => value === 'true' || value === '1'),
  );

export const oneOf = <const T extends readonly [string, ...string[]]>(values: T, fallback: T[number]) =>
  z.preprocess(absent, z.enum(values).default(fallback as never));

export const list = () =>
  z.preprocess(
    (value) =>
      typeof value === 'string'
        ? value
            .split(',')
            .map((item) => item.trim())
            .filter(Boolean)
        : undefined,
    z.array(z.string()).default([]),
  );

/** An address that a service answers at, such as `postgres://user:password@host/db`. */
export const addressOf = (schemes: RegExp) =>
  z.preprocess(
    absent,
    z
      .string()
      .refine((value) => URL.canParse(value) && schemes.test(new URL(value).protocol))
      .optional(),
  );

/** Six NCRONTAB fields, of a time that comes. */
export const schedule = (fallback: string) => z.preprocess(absent, z.string().refine(isSchedule).default(fallback));

function isSchedule(value: string): boolean {
  try {
    return value.trim().split(/\s+/).length === 6 && parseSchedule(value).next(new Date()) !== undefined;
  } catch {
    return false;
  }
}

/** What storage takes as a queue’s name, with room for `-poison`, which the host appends. */
const QUEUE_NAME = /^(?=.{3,56}$)[a-z0-9]+(-[a-z0-9]+)*$/;

export const queueName = (fallback: string) => z.preprocess(absent, z.string().regex(QUEUE_NAME).default(fallback));
export const optionalQueueName = () => z.preprocess(absent, z.string().regex(QUEUE_NAME).optional());

/** Enough of a connection string to know it for one; the SDK reads the rest. */
export const connectionString = () =>
  z.preprocess(
    absent,
    z
      .string()
      .regex(/^UseDevelopmentStorage=true$|(^|;)(AccountName|\w+Endpoint)=/i)
      .optional(),
  );

export const timeZone = (fallback: string) => z.preprocess(absent, z.string().refine(isTimeZone).default(fallback));

function isTimeZone(value: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: value }) !== undefined;
  } catch {
    return false;
  }
}
