/** The fields of an INFO reply, of all sections. The values are text; the reader knows which are numbers. */
export type Info = ReadonlyMap<string, string>;

/** The field as a finite number; `ok` and `up` are 1, `err` and `down` are 0; anything else is undefined. */
export function infoNumber(info: Info, field: string): number | undefined {
  const text = info.get(field);
  if (text === undefined || text === '') return undefined;
  if (text === 'ok' || text === 'up') return 1;
  if (text === 'err' || text === 'down') return 0;
  const value = Number(text);
  return Number.isFinite(value) ? value : undefined;
}

/** The number fields of a compound value such as `keys=3,expires=1,avg_ttl=52`. */
export function infoParts(text: string): Readonly<Record<string, number>> {
  const parts: Record<string, number> = {};
  for (const part of text.split(',')) {
    const [name, raw] = part.split('=');
    const value = Number(raw);
    if (name && raw !== undefined && raw !== '' && Number.isFinite(value)) parts[name] = value;
  }
  return parts;
}

/** The fields that begin with `prefix`, without it: `cmdstat_`, `db`, `errorstat_`, `slave`. */
export function infoFamily(info: Info, prefix: string): ReadonlyMap<string, string> {
  const family = new Map<string, string>();
  for (const [field, value] of info) {
    if (field.startsWith(prefix) && field.length > prefix.length) family.set(field.slice(prefix.length), value);
  }
  return family;
}
