import * as z from 'zod';

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

/** Six fields, as NCRONTAB has them; the functions host reads it, this only finds slips early. */
export const schedule = (fallback: string) =>
  z.preprocess(
    absent,
    z
      .string()
      .regex(/^\S+(\s+\S+){5}$/)
      .default(fallback),
  );
