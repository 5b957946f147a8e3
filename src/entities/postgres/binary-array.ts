/** Element types, by their number in `pg_type`. */
export const TEXT = 25;
export const JSONB = 3802;

/** The format version that precedes the text of a binary `jsonb`. */
const JSONB_FORMAT = 1;
/** Number of dimensions, whether there are nulls, element type, length, lower bound. */
const HEADER_BYTES = 20;

/**
 * A one-dimensional array in PostgreSQL's binary format, which `pg` sends as it is. The length of each element precedes
 * it, so nothing needs escaping, and no content can turn one element into two.
 */
export function binaryArray(type: typeof TEXT | typeof JSONB, texts: readonly (string | null)[]): Buffer {
  const prefix = type === JSONB ? 1 : 0;
  let bytes = HEADER_BYTES;
  for (const text of texts) bytes += text === null ? 4 : 4 + prefix + Buffer.byteLength(text);

  const array = Buffer.allocUnsafe(bytes);
  array.writeInt32BE(1, 0);
  array.writeInt32BE(1, 4);
  array.writeInt32BE(type, 8);
  array.writeInt32BE(texts.length, 12);
  array.writeInt32BE(1, 16);
  let at = HEADER_BYTES;
  for (const text of texts) {
    if (text === null) {
      at = array.writeInt32BE(-1, at);
      continue;
    }
    if (prefix > 0) array[at + 4] = JSONB_FORMAT;
    const length = prefix + array.write(text, at + 4 + prefix);
    at = array.writeInt32BE(length, at) + length;
  }
  return array;
}
