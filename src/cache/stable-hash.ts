import { createHash } from 'node:crypto';
import { SerializeError } from './errors';

/**
 * The same text for equal arguments, whatever the order of their properties; 22 characters. Throws `E_SERIALIZE` for
 * what has no stable text: functions, symbols, class instances that are not plain data, cycles.
 */
export function stableHash(value: unknown): string {
  return createHash('sha256').update(stableText(value, new Set())).digest('base64url').slice(0, 22);
}

function stableText(value: unknown, above: Set<object>): string {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value);
    case 'number':
      return Object.is(value, -0) ? '-0' : String(value);
    case 'boolean':
    case 'undefined':
      return String(value);
    case 'bigint':
      return `${value}n`;
    case 'object':
      return value === null ? 'null' : objectText(value, above);
    default:
      throw new SerializeError(`Expected arguments that can be told apart, got a ${typeof value}; pass the key option`);
  }
}

function objectText(value: object, above: Set<object>): string {
  if (above.has(value)) throw new SerializeError('Expected arguments without cycles; pass the key option');
  if (value instanceof Date) return `Date(${value.getTime()})`;
  if (ArrayBuffer.isView(value)) {
    return `${value.constructor.name}(${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64')})`;
  }
  const inside = new Set(above).add(value);
  const text = (item: unknown) => stableText(item, inside);
  if (Array.isArray(value)) return `[${Array.from(value, text).join(',')}]`;
  if (value instanceof Map)
    return `Map{${[...value]
      .map(([k, v]) => `${text(k)}=>${text(v)}`)
      .sort()
      .join(',')}}`;
  if (value instanceof Set) return `Set{${[...value].map(text).sort().join(',')}}`;
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    throw new SerializeError('Expected arguments of plain data, got an instance of a class; pass the key option');
  }
  const pairs = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${pairs.map(([name, item]) => `${JSON.stringify(name)}:${text(item)}`).join(',')}}`;
}
