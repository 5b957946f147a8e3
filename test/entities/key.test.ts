import fc from 'fast-check';
import {
  buildKey,
  companionKey,
  decodeKey,
  encodeKey,
  entityOf,
  KeyError,
  logicalKey,
  parseKey,
  physicalKey,
} from '../../src/entities/key';
import { slotOf } from '../../src/redis/slot';

const part = fc.string({ minLength: 1, maxLength: 20, unit: 'grapheme' }).filter((text) => !text.includes(':'));
const field = fc.string({ minLength: 1, maxLength: 40, unit: 'grapheme' });
const parts = fc.oneof(
  fc.record({ namespace: part, entity: part }),
  fc.record({ namespace: part, entity: part, id: part }),
  fc.record({ namespace: part, entity: part, id: part, field }),
);

describe('keys', () => {
  test.each([
    ['user:profile:123:data', { namespace: 'user', entity: 'profile', id: '123', field: 'data' }],
    ['product:catalog:456:details', { namespace: 'product', entity: 'catalog', id: '456', field: 'details' }],
    ['session:user:789:cart', { namespace: 'session', entity: 'user', id: '789', field: 'cart' }],
    ['cache:api:endpoint:/users:page1', { namespace: 'cache', entity: 'api', id: 'endpoint', field: '/users:page1' }],
    ['a:b', { namespace: 'a', entity: 'b' }],
  ])('%s is accepted as it stands', (key, expected) => {
    expect(parseKey(key)).toEqual(expected);
    expect(physicalKey(key)).toBe(`cache:{${key}}`);
  });

  test.each(['', 'a', ':b', 'a:', 'a::b', 'a:b:', 'a:b:c:', 'a:b::c', 'x'.repeat(513), `a:${'b'.repeat(600)}`])(
    '%j is refused with E_KEY',
    (key) => {
      expect(() => parseKey(key)).toThrow(KeyError);
    },
  );

  test('what is built is parsed back', () => {
    fc.assert(fc.property(parts, (given) => expect(parseKey(buildKey(given))).toEqual(given)));
  });

  test('the entity of a key is its first two parts', () => {
    fc.assert(
      fc.property(parts, (given) => expect(entityOf(buildKey(given))).toBe(`${given.namespace}:${given.entity}`)),
    );
  });

  test('the encoding is one-to-one and holds nothing that moves the slot', () => {
    const text = fc.string({ unit: 'binary', maxLength: 60 });
    fc.assert(
      fc.property(text, text, (one, other) => {
        const encoded = encodeKey(one);
        expect(decodeKey(encoded)).toBe(one);
        expect(encoded).not.toMatch(/[{}\s]/);
        if (one !== other) expect(encodeKey(other)).not.toBe(encoded);
      }),
    );
  });

  test('an entry and its companions share a slot and lead back to their key', () => {
    const braces = fc.constantFrom('{', '}', '{}', '{{', '}}', '%', '%7B', ' ', '\n', 'x');
    const awkward = fc.array(braces, { minLength: 1, maxLength: 6 }).map((bits) => bits.join(''));
    fc.assert(
      fc.property(fc.oneof(part, awkward), (id) => {
        const key = `user:profile:${id}`;
        for (const physical of [companionKey(key, 'lease'), companionKey(key, 'refresh')]) {
          expect(slotOf(physical)).toBe(slotOf(physicalKey(key)));
          expect(logicalKey(physical)).toBe(key);
        }
        expect(logicalKey(physicalKey(key))).toBe(key);
      }),
    );
  });

  test.each([
    'cache:{%41:b}',
    'cache:{a:b',
    'cache:a:b',
    'sess:{a:b}',
    'cache:{%}',
    'cache:{a b}',
    'cache:epoch:{t:x}',
  ])('%s is not one of ours', (physical) => {
    expect(logicalKey(physical)).toBeUndefined();
  });

  test('half a surrogate pair is refused: it has no bytes of its own', () => {
    expect(() => physicalKey('user:profile:\ud800')).toThrow(KeyError);
    expect(physicalKey('user:profile:😀')).toBe('cache:{user:profile:😀}');
  });
});
