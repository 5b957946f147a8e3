import { StewardError } from '../errors';

/**
 * The one place that builds and parses keys.
 *
 * Logical key: `{namespace}:{entity}:{id}:{field}`, with at least the first two parts. The field is the rest of the key:
 * that of `cache:api:endpoint:/users:page1` is `/users:page1`.
 *
 * Physical key: `cache:{<logical>}`, with companions such as `cache:{<logical>}:lease`. The braces are Redis' hash tag,
 * so an entry and its companions share a slot. With one prefix, one ACL pattern and one SCAN pattern cover both. Percent
 * signs, braces, spaces and control characters are percent-encoded: the encoding is one-to-one, and an id with braces
 * cannot move its key to another slot.
 */

export class KeyError extends StewardError {
  readonly code = 'E_KEY';
}

export interface KeyParts {
  readonly namespace: string;
  readonly entity: string;
  readonly id?: string;
  readonly field?: string;
}

export const CACHE_PREFIX = 'cache:';
/** Maximum length of a logical key, in characters: keys of Table Storage and log lines need room for more. */
export const MAX_KEY_LENGTH = 512;

/** Returns the parts of a logical key. Throws `E_KEY`, which names the part that is wrong. */
export function parseKey(key: string): KeyParts {
  if (typeof key !== 'string') throw new KeyError(`Expected a key to be a string, got ${typeof key}`);
  if (key.length > MAX_KEY_LENGTH) {
    throw new KeyError(`Expected a key of at most ${MAX_KEY_LENGTH} characters, got ${key.length}; hash the long part`);
  }
  const [namespace, entity, id, ...rest] = key.split(':');
  if (!namespace) throw fault('namespace', 1, key);
  if (entity === undefined) {
    throw new KeyError('Expected a key of at least two parts, `namespace:entity`, got one part without a colon');
  }
  if (!entity) throw fault('entity', 2, key);
  if (id === undefined) return { namespace, entity };
  if (!id) throw fault('id', 3, key);
  if (rest.length === 0) return { namespace, entity, id };
  const field = rest.join(':');
  if (!field) throw fault('field', 4, key);
  return { namespace, entity, id, field };
}

/** Only non-empty parts. {@link parseKey} also accepts fields with empty parts. */
const PLAIN_KEY = /^[^:]+(?::[^:]+)+$/;

/** Throws as {@link parseKey} does, but does not build the parts: cheaper for callers that need none. */
export function checkKey(key: string): void {
  if (typeof key !== 'string' || key.length > MAX_KEY_LENGTH || !PLAIN_KEY.test(key)) parseKey(key);
}

const fault = (part: string, position: number, key: string): KeyError =>
  new KeyError(
    `Expected part ${position} of a key (${part}) not to be empty, got a key of ${key.split(':').length} parts; ` +
      'the form is namespace:entity:id:field',
  );

/** Builds a logical key; the inverse of {@link parseKey}. Throws `E_KEY`. */
export function buildKey(parts: KeyParts): string {
  const { namespace, entity, id, field } = parts;
  if (id === undefined && field !== undefined) {
    throw new KeyError('Expected a key with a field (part 4) to have an id (part 3), got none');
  }
  for (const [name, part] of [
    ['namespace', namespace],
    ['entity', entity],
    ['id', id],
  ] as const) {
    if (part?.includes(':')) {
      throw new KeyError(`Expected the ${name} of a key to hold no colon, got one; only the field may`);
    }
  }
  const key = [namespace, entity, id, field].filter((part) => part !== undefined).join(':');
  parseKey(key);
  return key;
}

/** `namespace:entity` of a logical key: the name of its entity, and the label of its metrics. Throws `E_KEY`. */
export function entityOf(key: string): string {
  const first = key.indexOf(':');
  const second = key.indexOf(':', first + 1);
  if (first > 0 && second > first + 1) return key.slice(0, second);
  const { namespace, entity } = parseKey(key);
  return `${namespace}:${entity}`;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: it looks for control characters
const UNSAFE = /[%{}\s\u0000-\u001f\u007f\ud800-\udfff]/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: it looks for control characters
const EACH_UNSAFE = /[%{}\s\u0000-\u001f\u007f]/g;

/** Half of a surrogate pair has no UTF-8 form: two keys that differ only in it would be one key in Redis. */
const HALF_PAIR = /\p{Surrogate}/u;

/**
 * Percent-encodes the characters that a hash tag must not contain. Returns most keys unchanged. Throws `E_KEY` if the
 * text is not well-formed.
 */
export function encodeKey(key: string): string {
  if (!UNSAFE.test(key)) return key;
  if (HALF_PAIR.test(key)) throw new KeyError('Expected a key of well-formed text, got one with half a surrogate pair');
  return key.replace(EACH_UNSAFE, (found) => encodeURIComponent(found));
}

export const decodeKey = (encoded: string): string => (encoded.includes('%') ? decodeURIComponent(encoded) : encoded);

/** The key in Redis of a logical key. */
export const physicalKey = (key: string): string => physicalOf(encodeKey(key));

/** The same, given `encodeKey(key)`, which is the hash tag: the part that decides the slot. */
export const physicalOf = (hashTag: string): string => `${CACHE_PREFIX}{${hashTag}}`;

export const companionKey = (key: string, companion: 'lease' | 'refresh' | 'settled'): string =>
  `${physicalKey(key)}:${companion}`;

/** The entry of a logical key and its lease: the two keys of most scripts. */
export const entryAndLease = (key: string): [entry: string, lease: string] => [
  physicalKey(key),
  companionKey(key, 'lease'),
];

/** The same, and the mark that a late showing of a settled write must obey. */
export const entryLeaseAndMark = (key: string): [entry: string, lease: string, settled: string] => [
  ...entryAndLease(key),
  companionKey(key, 'settled'),
];

/** The logical key of an entry or a companion in Redis; undefined if the key is not ours. */
export function logicalKey(physical: string): string | undefined {
  if (!physical.startsWith(`${CACHE_PREFIX}{`)) return undefined;
  const end = physical.indexOf('}');
  if (end < 0) return undefined;
  const encoded = physical.slice(CACHE_PREFIX.length + 1, end);
  try {
    const key = decodeKey(encoded);
    // Only the encoding that we write is ours: `%41` can be decoded, but we write `A`.
    return encodeKey(key) === encoded ? key : undefined;
  } catch {
    return undefined;
  }
}
