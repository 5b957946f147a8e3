/** CRC-16/XMODEM, as the cluster specification names it. */
const table = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit += 1) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1;
  return crc & 0xffff;
});

/** The cluster slot of a key, 0 to 16383: of the text in its first non-empty braces, or of the whole key. */
export function slotOf(key: string): number {
  const open = key.indexOf('{');
  const close = open < 0 ? -1 : key.indexOf('}', open + 1);
  const [from, to] = close > open + 1 ? [open + 1, close] : [0, key.length];
  let crc = 0;
  for (let at = from; at < to; at += 1) {
    const code = key.charCodeAt(at);
    if (code > 0x7f) return slotOfBytes(Buffer.from(key.slice(from, to)));
    crc = ((crc << 8) & 0xffff) ^ (table[(crc >> 8) ^ code] as number);
  }
  return crc % 16_384;
}

function slotOfBytes(bytes: Buffer): number {
  let crc = 0;
  for (const byte of bytes) crc = ((crc << 8) & 0xffff) ^ (table[(crc >> 8) ^ byte] as number);
  return crc % 16_384;
}
