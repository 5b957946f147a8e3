import { isUtf8 } from 'node:buffer';
import { checkKey } from '../../entities/key';
import type { Version } from '../../entities/version';
import { coerceError } from '../../errors';
import { MESSAGE_BYTES, toMessageBody } from '../../storage/queues';

/**
 * The wire format of a queue message: one JSON object
 *
 *     { "format": 1, "attempts": 0, "rows": [[key, version, value, acceptedAt], ...] }
 *
 * where `value` is a string of JSON text, null for a delete, or `{ "blob": name, "bytes": n }`, the claim check of a
 * value too large for a message. `attempts` counts how often a store could not take it; `heldSince` (ms) when this
 * deployment first did not know its entity or format; `drained` is 1 once it came back from the poison queue. A message
 * in a newer format is held whole, as `body`.
 *
 * No field is named `id`, `dequeueCount`, `popReceipt`, `insertionTime`, `queueTrigger` or `sys`: the functions host
 * copies a message's fields over its own metadata of these names.
 */
export const FORMAT = 1;

/** Bytes of a message that are reserved for the fields beside the rows. */
export const HEADER_BYTES = 192;

/** The claim check of a value that lies in a blob. */
export type Claim = { readonly blob: string; readonly bytes: number };

export interface JournalRow {
  readonly key: string;
  readonly version: Version;
  readonly value: string | null | Claim;
  /** When the caller's write was accepted, in ms since 1970. */
  readonly acceptedAt: number;
}

export type JournalHeader = { readonly attempts: number; readonly heldSince?: number; readonly drained?: true };

export interface JournalMessage extends JournalHeader {
  readonly rows: readonly JournalRow[];
}

/** A part of a message that cannot be decoded. It is kept as text for a dead letter. */
export type Undecodable = { readonly raw: string; readonly reason: string };

export type Decoded =
  | { readonly kind: 'rows'; readonly message: JournalMessage; readonly undecodable: readonly Undecodable[] }
  | { readonly kind: 'newer'; readonly header: JournalHeader; readonly body: unknown; readonly format: number }
  | { readonly kind: 'undecodable'; readonly undecodable: readonly Undecodable[] };

export const encodeRow = (row: JournalRow): string => JSON.stringify([row.key, row.version, row.value, row.acceptedAt]);

const encodeHeader = ({ attempts, heldSince, drained }: JournalHeader): string =>
  `{"format":${FORMAT},"attempts":${attempts}${heldSince === undefined ? '' : `,"heldSince":${heldSince}`}${drained ? ',"drained":1' : ''}`;

/** The body of a queue message, base64 as the functions host expects it; `rows` as {@link encodeRow} gave them. */
export const encodeMessage = (header: JournalHeader, rows: readonly string[]): string =>
  toMessageBody(`${encodeHeader(header)},"rows":[${rows.join(',')}]}`);

/** A message of a newer format, kept whole for a deployment that knows it. Undefined if it does not fit in one message. */
export function encodeHeld(header: JournalHeader, body: unknown): string | undefined {
  const text = `${encodeHeader(header)},"body":${JSON.stringify(body)}}`;
  return Buffer.byteLength(text) <= MESSAGE_BYTES ? toMessageBody(text) : undefined;
}

/** Decodes the text of a message. Returns the input if it is not valid base64 of UTF-8 text. */
export function fromBase64(text: string): string {
  const decoded = Buffer.from(text, 'base64');
  const isOurs = decoded.toString('base64') === text && isUtf8(decoded);
  return isOurs ? decoded.toString('utf8') : text;
}

/** Decodes what the host passes to a function: parsed JSON, or a string. Never throws. */
export function decodeMessage(given: unknown): Decoded {
  let message = given;
  if (typeof given === 'string') {
    try {
      message = JSON.parse(given);
    } catch {
      return bad(given, 'not JSON');
    }
  }
  if (!isRecord(message)) return bad(given, 'not an object');
  const { format } = message;
  if (typeof format !== 'number' || !Number.isInteger(format) || format < 1) return bad(given, 'without a format');
  if (format > FORMAT) return { kind: 'newer', header: { attempts: 0 }, body: message, format };

  const header: JournalHeader = {
    attempts: count(message.attempts) ?? 0,
    ...(count(message.heldSince) === undefined ? {} : { heldSince: count(message.heldSince) as number }),
    ...(message.drained === 1 ? { drained: true as const } : {}),
  };
  if (isRecord(message.body)) {
    const inner = decodeMessage(message.body);
    if (inner.kind === 'newer') return { ...inner, header };
    if (inner.kind === 'rows') return { ...inner, message: { ...inner.message, attempts: header.attempts } };
    return inner;
  }
  if (!Array.isArray(message.rows)) return bad(given, 'without rows');

  const rows: JournalRow[] = [];
  const undecodable: Undecodable[] = [];
  for (const raw of message.rows as unknown[]) {
    const row = decodeRow(raw);
    if (typeof row === 'string') undecodable.push({ raw: JSON.stringify(raw), reason: row });
    else rows.push(row);
  }
  return { kind: 'rows', message: { ...header, rows }, undecodable };
}

/** The row, or what is wrong with it. The store checks that the value is JSON, because it parses it anyway. */
function decodeRow(raw: unknown): JournalRow | string {
  if (!Array.isArray(raw)) return 'a row that is no list';
  const [key, version, value, acceptedAt] = raw as unknown[];
  if (typeof key !== 'string') return 'a row without a key';
  try {
    checkKey(key);
  } catch (error) {
    return coerceError(error).message;
  }
  if (typeof version !== 'string' || !/^\d{19}$/.test(version) || version > '9223372036854775807') {
    return 'a row without a version of 19 digits';
  }
  if (typeof acceptedAt !== 'number') return 'a row without its time';
  if (!isValue(value)) return 'a row without a value';
  return { key, version: version as Version, value, acceptedAt };
}

export const isClaim = (value: JournalRow['value']): value is Claim => typeof value === 'object' && value !== null;

const isValue = (value: unknown): value is JournalRow['value'] =>
  typeof value === 'string' ||
  value === null ||
  (isRecord(value) && typeof value.blob === 'string' && typeof value.bytes === 'number');

export function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const count = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 ? value : undefined;

function bad(given: unknown, what: string): Decoded {
  const raw = typeof given === 'string' ? given : (JSON.stringify(given) ?? String(given));
  return { kind: 'undecodable', undecodable: [{ raw, reason: `a message ${what}` }] };
}
