import { encodeKey } from '../../entities/key';
import type { Version } from '../../entities/version';

/**
 * The layout of an entry: a fixed-width ASCII header, the tags, the payload. docs/entry-format.md is the table of it,
 * and src/cache/entry/lua/entry.lua reads the same.
 */
export const FORMAT = 'A';
const FORMAT_CODE = FORMAT.charCodeAt(0);
export const HEADER_LENGTH = 57;

export const FLAG_DIRTY = 1;
export const FLAG_NEGATIVE = 2;
export const FLAG_COMPRESSED = 4;

const VERSION_AT = 2;
const STAMP_AT = 21;
const EXPIRES_AT = 34;
const COST_AT = 47;
const TAGS_AT = 53;

const MAX_COST_MS = 999_999;
const MAX_TAGS_LENGTH = 9_999;

/** What an entry says of itself, without its payload. */
export interface EntryHeader {
  readonly flags: number;
  readonly version: Version;
  /** Server time in ms when its load began, or when it was written: what epochs are compared with. */
  readonly stampMs: number;
  /** End of its life, server time in ms; within its grace it is still there after this. */
  readonly expiresMs: number;
  /** What its load took, in ms. */
  readonly costMs: number;
  readonly tags: readonly string[];
}

export interface Entry extends EntryHeader {
  readonly payload: string;
}

/** What is under a key that is not a usable entry. */
export type Unreadable = 'newer' | 'foreign';

/** The part of an entry that the scripts don't write themselves: cost, tags, payload. Tags are encoded already. */
export function entryTail(costMs: number, tags: readonly string[], payload: string): string {
  const cost = Math.min(Math.max(Math.round(costMs), 0), MAX_COST_MS);
  const joined = tags.join(' ');
  return `${String(cost).padStart(6, '0')}${String(joined.length).padStart(4, '0')}${joined}${payload}`;
}

export const tagsFit = (tags: readonly string[]): boolean => tags.join(' ').length <= MAX_TAGS_LENGTH;

// biome-ignore lint/suspicious/noControlCharactersInRegex: all that is not ASCII
const NOT_ASCII = /[^\u0000-\u007f]+/g;

/** A tag as it stands in an entry and in its epoch's key: ASCII, without spaces. */
export const encodeTag = (tag: string): string => encodeKey(tag).replace(NOT_ASCII, encodeURIComponent);

const OURS = /^A[0-9A-F]\d{55}/;
const NEWER = /^[B-Z][0-9A-F]\d{19}/;

/** The header's check costs a regular expression: readers that only need a field use the functions below. */
export function classify(raw: string): 'ours' | Unreadable {
  if (OURS.test(raw)) return 'ours';
  return NEWER.test(raw) ? 'newer' : 'foreign';
}

export const headerOf = (raw: string): string => raw.slice(0, HEADER_LENGTH);
export const flagsOf = (raw: string): number => {
  const code = raw.charCodeAt(1);
  return code < 58 ? code - 48 : code - 55;
};
export const versionOf = (raw: string): Version => raw.slice(VERSION_AT, STAMP_AT) as Version;
export const stampOf = (raw: string): number => digits(raw, STAMP_AT, EXPIRES_AT);
export const expiresOf = (raw: string): number => digits(raw, EXPIRES_AT, COST_AT);
export const costOf = (raw: string): number => +raw.slice(COST_AT, TAGS_AT);
export const tagsLengthOf = (raw: string): number => digits(raw, TAGS_AT, HEADER_LENGTH);

/** Without the copy that a slice would make: every hit reads two of them. NaN where anything else is there. */
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
 * The look of a reader in a hurry: the end of its life, 0 where it isn't ours. What passes and is foreign all the same
 * fails when its payload is read.
 */
export const expiresIfOurs = (raw: string): number =>
  raw.charCodeAt(0) === FORMAT_CODE && raw.length >= HEADER_LENGTH ? expiresOf(raw) || 0 : 0;

export function tagsOf(raw: string): readonly string[] {
  const length = tagsLengthOf(raw);
  return length === 0 ? [] : raw.slice(HEADER_LENGTH, HEADER_LENGTH + length).split(' ');
}

export const payloadOf = (raw: string): string => raw.slice(HEADER_LENGTH + tagsLengthOf(raw));

/** The whole entry, or what is wrong with it. */
export function decodeEntry(raw: string): Entry | Unreadable {
  const kind = classify(raw);
  if (kind !== 'ours') return kind;
  return {
    flags: flagsOf(raw),
    version: versionOf(raw),
    stampMs: stampOf(raw),
    expiresMs: expiresOf(raw),
    costMs: costOf(raw),
    tags: tagsOf(raw),
    payload: payloadOf(raw),
  };
}

/** The text of an entry; the scripts build the same in Lua. For tests and tools. */
export function encodeEntry(entry: Entry): string {
  const { flags, version, stampMs, expiresMs, costMs, tags, payload } = entry;
  const ms = (value: number) => String(value).padStart(13, '0');
  const flag = flags.toString(16).toUpperCase();
  return `${FORMAT}${flag}${version}${ms(stampMs)}${ms(expiresMs)}${entryTail(costMs, tags, payload)}`;
}
