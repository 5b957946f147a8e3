import { encodeKey } from '../../entities/key';
import type { Version } from '../../entities/version';

/**
 * The layout of an entry: a fixed-width ASCII header, the tags, the payload. docs/entry-format.md documents it, and
 * src/cache/entry/lua/entry.lua reads the same layout in Lua.
 */
export const FORMAT = 'A';
const FORMAT_CODE = FORMAT.charCodeAt(0);
export const HEADER_LENGTH = 57;

export const FLAG_DIRTY = 1;
export const FLAG_NEGATIVE = 2;
export const FLAG_COMPRESSED = 4;

const VERSION_AT = 2;
const CREATED_AT = 21;
const EXPIRES_AT = 34;
const COST_AT = 47;
const TAGS_AT = 53;

const MAX_COST_MS = 999_999;
const MAX_TAGS_LENGTH = 9_999;

export interface Entry {
  readonly flags: number;
  readonly version: Version;
  /**
   * When its load began or it was written, in ms of server time, and always later than the tag generations it was made
   * under. An entry is invalidated once one of its generations reaches this.
   */
  readonly createdAtMs: number;
  /** End of its life, in ms of server time. Within its grace the entry is stale but still there. */
  readonly expiresMs: number;
  /** How long its load took, in ms. */
  readonly costMs: number;
  readonly tags: readonly string[];
  readonly payload: string;
}

/** A value that is not a usable entry: of a later format, or not written by this library. */
export type Unreadable = 'newer' | 'foreign';

/** The part of an entry after its times: load cost, tags and payload. `tags` are encoded. The scripts write the rest. */
export function entryTail(costMs: number, tags: readonly string[], payload: string): string {
  const cost = Math.min(Math.max(Math.round(costMs), 0), MAX_COST_MS);
  const joined = tags.join(' ');
  return `${String(cost).padStart(6, '0')}${String(joined.length).padStart(4, '0')}${joined}${payload}`;
}

export const tagsFit = (tags: readonly string[]): boolean => tags.join(' ').length <= MAX_TAGS_LENGTH;

// biome-ignore lint/suspicious/noControlCharactersInRegex: all that is not ASCII
const NOT_ASCII = /[^\u0000-\u007f]+/g;

/** A tag as entries and generation keys contain it: ASCII, without spaces. */
export const encodeTag = (tag: string): string => encodeKey(tag).replace(NOT_ASCII, encodeURIComponent);

const OURS = /^A[0-9A-F]\d{55}/;
const NEWER = /^[B-Z][0-9A-F]\d{19}/;

/** Checks the whole header by a regular expression. To read one field of a hit, use the cheaper functions below. */
export function classify(raw: string): 'ours' | Unreadable {
  if (OURS.test(raw)) return 'ours';
  return NEWER.test(raw) ? 'newer' : 'foreign';
}

export const headerOf = (raw: string): string => raw.slice(0, HEADER_LENGTH);
export const flagsOf = (raw: string): number => {
  const code = raw.charCodeAt(1);
  return code < 58 ? code - 48 : code - 55;
};
export const versionOf = (raw: string): Version => raw.slice(VERSION_AT, CREATED_AT) as Version;
export const createdAtOf = (raw: string): number => digits(raw, CREATED_AT, EXPIRES_AT);
export const expiresOf = (raw: string): number => digits(raw, EXPIRES_AT, COST_AT);
export const costOf = (raw: string): number => +raw.slice(COST_AT, TAGS_AT);
export const tagsLengthOf = (raw: string): number => digits(raw, TAGS_AT, HEADER_LENGTH);

/** Reads digits without slicing, since every hit reads two numbers. Returns NaN if a character is no digit. */
function digits(raw: string, from: number, to: number): number {
  let value = 0;
  for (let at = from; at < to; at += 1) {
    const digit = raw.charCodeAt(at) - 48;
    if (!(digit >= 0 && digit <= 9)) return Number.NaN;
    value = value * 10 + digit;
  }
  return value;
}

/**
 * The quick check of the hit path: the end of the entry's life, or 0 if this is clearly not an entry of ours. A foreign
 * value that passes it fails when its payload is decoded.
 */
export const expiresIfOurs = (raw: string): number =>
  raw.charCodeAt(0) === FORMAT_CODE && raw.length >= HEADER_LENGTH ? expiresOf(raw) || 0 : 0;

export function tagsOf(raw: string): readonly string[] {
  const length = tagsLengthOf(raw);
  return length === 0 ? [] : raw.slice(HEADER_LENGTH, HEADER_LENGTH + length).split(' ');
}

export const payloadOf = (raw: string): string => raw.slice(HEADER_LENGTH + tagsLengthOf(raw));

/** The whole entry, or why it cannot be read. */
export function decodeEntry(raw: string): Entry | Unreadable {
  const kind = classify(raw);
  if (kind !== 'ours') return kind;
  return {
    flags: flagsOf(raw),
    version: versionOf(raw),
    createdAtMs: createdAtOf(raw),
    expiresMs: expiresOf(raw),
    costMs: costOf(raw),
    tags: tagsOf(raw),
    payload: payloadOf(raw),
  };
}
