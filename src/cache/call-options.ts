import type { Entity } from '../entities/define-entity';
import { CacheInputError } from './errors';
import type { CallOptions } from './types';

/** The options of a call with all defaults filled in. Units and meanings are documented with `EntityCacheOptions`. */
export type ResolvedOptions = Required<Omit<CallOptions, 'tags'>>;

export const DEFAULT_OPTIONS = {
  ttlSeconds: 3_600,
  jitter: 0.05,
  graceSeconds: 0,
  negativeTtlSeconds: 0,
  errorTtlMs: 0,
  softTimeoutMs: 1_000,
  hardTimeoutMs: 10_000,
  compressOverBytes: 8_192,
  strict: false,
} as const satisfies ResolvedOptions;

const names = Object.keys(DEFAULT_OPTIONS) as (keyof ResolvedOptions)[];

/** Overrides `base` with the options given; undefined counts as not given. Throws `E_CACHE_INPUT`. */
export function resolveOptions(base: ResolvedOptions, given: CallOptions | Entity): ResolvedOptions {
  const resolved: Record<string, number | boolean> = { ...base };
  for (const name of names) {
    const value = given[name];
    if (value === undefined) continue;
    if (name !== 'strict') checkNumber(name, value as number);
    resolved[name] = value;
  }
  return resolved as unknown as ResolvedOptions;
}

const mayBeZero: readonly string[] = ['jitter', 'graceSeconds', 'negativeTtlSeconds', 'errorTtlMs'];

function checkNumber(name: string, value: number): void {
  const zero = mayBeZero.includes(name);
  const isValid = Number.isFinite(value) && (zero ? value >= 0 : value > 0) && (name !== 'jitter' || value < 1);
  if (isValid) return;
  const expected = name === 'jitter' ? 'from 0 to below 1' : zero ? 'a number of 0 or more' : 'a number above 0';
  throw new CacheInputError(`Expected ${name} to be ${expected}, got ${String(value)}`);
}
