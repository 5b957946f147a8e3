import { StewardError } from '../errors';

/**
 * The one place where keys are built and taken apart.
 *
 * Logical key: `{namespace}:{entity}:{id}:{field}`, at least the first two parts, the field being all the rest
 * (`cache:api:endpoint:/users:page1` has the field `/users:page1`).
 *
 * Physical key: `cache:{<logical>}`, its companions `cache:{<logical>}:lease` and so on. The braces are Redis'
 * hash tag, so an entry and its companions share a slot; the one prefix lets one ACL pattern and one SCAN
 * pattern cover both. Percent signs, braces, spaces and control characters are percent-encoded, so that the
 * encoding is one-to-one and an id with braces cannot move its key to another slot.
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
/** Longest logical key, in characters: Table Storage and log lines need room beside it. */
export const MAX_KEY_LENGTH = 512;

/** The parts of a logical key; throws `E_KEY` naming the part that breaks the convention. */
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

/** All parts there and none empty. A field may be otherwise and still be right, which {@link parseKey} decides. */
const PLAIN_KEY = /^[^:]+(?::[^:]+)+$/;

/** Throws as {@link parseKey} does, without taking the key apart: for those who have many and need no part. */
export function checkKey(key: string): void {
  if (typeof key !== 'string' || key.length > MAX_KEY_LENGTH || !PLAIN_KEY.test(key)) parseKey(key);
}

function fault(part: string, position: number, key: string): KeyError {
  return new KeyError(
    `Expected part ${position} of a key (${part}) not to be empty, got a key of ${key.split(':').length} parts; ` +
      'the form is namespace:entity:id:field',
  );
}

/** The logical key of the parts; the inverse of {@link parseKey}. */
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

/** `namespace:entity` of a logical key: the name of its entity definition, and the label of its metrics. */
export function entityOf(key: string): string {
  const first = key.indexOf(':');
  const second = key.indexOf(':', first + 1);
  if (first > 0 && second > first + 1) return key.slice(0, second);
  const { namespace, entity } = parseKey(key);
  return `${namespace}:${entity}`;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it is looking for
const UNSAFE = /[%{}\s\u0000-\u001f\u007f\ud800-\udfff]/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it is looking for
const EACH_UNSAFE = /[%{}\s\u0000-\u001f\u007f]/g;

/** Half of a surrogate pair has no bytes of its own: two keys that differ in it alone would be one key in Redis. */
const HALF_PAIR = /\p{Surrogate}/u;

/**
 * Percent-encodes what must not stand inside a hash tag; most keys pass untouched and without a copy. Throws `E_KEY`
 * for text that is not well-formed.
 */
export function encodeKey(key: string): string {
  if (!UNSAFE.test(key)) return key;
  if (HALF_PAIR.test(key)) throw new KeyError('Expected a key of well-formed text, got one with half a surrogate pair');
  return key.replace(EACH_UNSAFE, (found) => encodeURIComponent(found));
}

export function decodeKey(encoded: string): string {
  return encoded.includes('%') ? decodeURIComponent(encoded) : encoded;
}

/** Of a logical key: `hashTag` is the part of `physical` that its slot is of. */
export const physicalKey = (key: string): string => physicalOf(encodeKey(key));

export const physicalOf = (hashTag: string): string => `${CACHE_PREFIX}{${hashTag}}`;

export const companionKey = (key: string, companion: 'lease' | 'refresh'): string => `${physicalKey(key)}:${companion}`;

/** The entry of a logical key and its lease: the two keys of most scripts. */
export const entryAndLease = (key: string): [entry: string, lease: string] => [
  physicalKey(key),
  companionKey(key, 'lease'),
];

/** The logical key of a physical one, companions included; undefined where it is not one of ours. */
export function logicalKey(physical: string): string | undefined {
  if (!physical.startsWith(`${CACHE_PREFIX}{`)) return undefined;
  const end = physical.indexOf('}');
  if (end < 0) return undefined;
  const encoded = physical.slice(CACHE_PREFIX.length + 1, end);
  try {
    const key = decodeKey(encoded);
    // Only the one encoding that we write: `%41` is not ours, though it can be decoded.
    return encodeKey(key) === encoded ? key : undefined;
  } catch {
    return undefined;
  }
}
