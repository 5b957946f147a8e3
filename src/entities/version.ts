import { StewardError } from '../errors';

/**
 * The version of a write: microseconds since 1970, followed by three digits that name the writer, so that two writes in
 * the same microsecond have the same order everywhere. It always has 19 decimal digits (until the year 2262), so text
 * order is number order. Lua compares versions as strings, since its numbers would lose digits; PostgreSQL stores them
 * as `bigint`. A writer outside this library makes one with
 * `(extract(epoch from clock_timestamp()) * 1e6)::bigint * 1000`.
 */
export type Version = string & { readonly __brand: 'Version' };

/** The version of a row that was never written: older than every write. */
export const NO_VERSION = '0'.repeat(19) as Version;

export class VersionError extends StewardError {
  readonly code = 'E_VERSION';
}

/** Converts a `bigint` of a database, or its text. Null and undefined become {@link NO_VERSION}. Throws `E_VERSION`. */
export function toVersion(stored: string | number | bigint | null | undefined): Version {
  if (stored === null || stored === undefined) return NO_VERSION;
  if (typeof stored === 'number' && !Number.isSafeInteger(stored)) {
    const message = 'The version is a number too large to be exact, so its last digits are lost. Pass a bigint or text';
    throw new VersionError(message);
  }
  const digits = String(stored);
  if (!/^\d{1,19}$/.test(digits)) {
    throw new VersionError(`Expected a version of 1 to 19 decimal digits, got ${digits.length} characters`);
  }
  return digits.padStart(19, '0') as Version;
}

/** The version of a moment. `micros`: since 1970. `writer`: 0 to 999. Throws `E_VERSION`. */
export function versionAt(micros: number, writer: number): Version {
  if (!(Number.isInteger(writer) && writer >= 0 && writer <= 999)) {
    throw new VersionError(`Expected a writer id to be a whole number from 0 to 999, got ${writer}`);
  }
  if (!(micros >= 0 && micros < 1e16)) {
    throw new VersionError(`Expected a moment in microseconds from 1970 on, got ${micros}`);
  }
  return `${micros.toFixed(0).padStart(16, '0')}${String(writer).padStart(3, '0')}` as Version;
}

/** The newest version that a clock can give if it is at most `boundMs` ahead. Both in ms. */
export const newestBy = (nowMs: number, boundMs: number): Version => versionAt((nowMs + boundMs) * 1_000, 999);

/** The moment of a version, in milliseconds since 1970. */
export const versionMs = (version: Version): number => Number(version.slice(0, 16)) / 1_000;

export const isNewer = (a: Version, b: Version): boolean => a > b;
