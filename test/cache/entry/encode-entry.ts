import { type Entry, entryTail, FORMAT } from '../../../src/cache/entry/entry-format';

/** The text of an entry, as the scripts build it in Lua. */
export function encodeEntry(entry: Entry): string {
  const { flags, version, createdAtMs, expiresMs, costMs, tags, payload } = entry;
  const ms = (value: number) => String(value).padStart(13, '0');
  const flag = flags.toString(16).toUpperCase();
  return `${FORMAT}${flag}${version}${ms(createdAtMs)}${ms(expiresMs)}${entryTail(costMs, tags, payload)}`;
}
