/** Byte by byte: a key's name need not be text. */
export function hasPrefix(key: Buffer, prefix: string): boolean {
  const wanted = Buffer.from(prefix);
  return key.length >= wanted.length && key.subarray(0, wanted.length).equals(wanted);
}
