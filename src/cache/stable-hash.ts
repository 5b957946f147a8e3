import { createHash } from 'node:crypto';
import { SerializeError } from './errors';

/**
 * A hash of 22 characters, the same for equal arguments in whatever order their properties are. Throws `E_SERIALIZE` for
 * values without a stable text: functions, symbols, instances of classes, cycles.
 */
export const stableHash = (value: unknown): string =>
  createHash('sha256').update(stableText(value, new Set())).digest('base64url').slice(0, 22);

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
      throw new SerializeError(
        `Two arguments of type ${typeof value} cannot be compared, so the call has no key. Pass the key option`,
      );
  }
}

function objectText(value: object, above: Set<object>): string {
  if (above.has(value))
    throw new SerializeError('The arguments contain a cycle, so the call has no key. Pass the key option');
  if (value instanceof Date) return `Date(${value.getTime()})`;
  if (ArrayBuffer.isView(value)) {
    return `${value.constructor.name}(${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64')})`;
  }
  const inside = new Set(above).add(value);
  const text = (item: unknown) => stableText(item, inside);
  if (Array.isArray(value)) return `[${Array.from(value, text).join(',')}]`;
  if (value instanceof Map) {
    const entries = [...value].map(([k, v]) => `${text(k)}=>${text(v)}`);
    return `Map{${entries.sort().join(',')}}`;
  }
  if (value instanceof Set) return `Set{${[...value].map(text).sort().join(',')}}`;
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    const message = 'An argument is an instance of a class, so the call has no key. Pass plain data or the key option';
    throw new SerializeError(message);
  }
  const pairs = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${pairs.map(([name, item]) => `${JSON.stringify(name)}:${text(item)}`).join(',')}}`;
}
