import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import {
  classify,
  costOf,
  createdAtOf,
  decodeEntry,
  type Entry,
  encodeTag,
  expiresOf,
  flagsOf,
  HEADER_LENGTH,
  payloadOf,
  tagsOf,
  versionOf,
} from '../../../src/cache/entry/entry-format';
import type { Version } from '../../../src/entities/version';
import { encodeEntry } from './encode-entry';

/** The table of the documentation: name, offset, length. */
const table = readFileSync(join(__dirname, '../../../docs/entry-format.md'), 'utf8')
  .split('\n')
  .map((line) => /^\| (\w+) \| (\d+) \| (\d+) \|/.exec(line))
  .filter((match) => match !== null)
  .map(([, name, from, length]) => [name as string, Number(from), Number(length)] as const);

const sample: Entry = {
  flags: 5,
  version: '1790000000123456042' as Version,
  createdAtMs: 1_790_000_000_123,
  expiresMs: 1_790_000_003_723,
  costMs: 47,
  tags: ['user%2012', 'team'],
  payload: '{"name":"Ada"}',
};
const raw = encodeEntry(sample);

describe('the format of an entry', () => {
  test('is the documented one, field by field', () => {
    const field = (name: string) => {
      const [, from, length] = table.find(([each]) => each === name)!;
      return raw.slice(from, from + length);
    };
    expect(table.map(([name]) => name)).toEqual([
      'format',
      'flags',
      'version',
      'createdAt',
      'expires',
      'cost',
      'tagsLength',
    ]);
    expect(table.map(([name]) => field(name))).toEqual([
      'A',
      '5',
      '1790000000123456042',
      '1790000000123',
      '1790000003723',
      '000047',
      '0014',
    ]);
    expect(table.reduce((sum, [, , length]) => sum + length, 0)).toBe(HEADER_LENGTH);
    expect(raw.slice(HEADER_LENGTH)).toBe('user%2012 team{"name":"Ada"}');
  });

  test('fields are read one by one as they are all together', () => {
    expect(decodeEntry(raw)).toEqual(sample);
    expect([flagsOf(raw), versionOf(raw), createdAtOf(raw), expiresOf(raw), costOf(raw)]).toEqual([
      sample.flags,
      sample.version,
      sample.createdAtMs,
      sample.expiresMs,
      sample.costMs,
    ]);
    expect([tagsOf(raw), payloadOf(raw)]).toEqual([sample.tags, sample.payload]);
  });

  test('what is encoded is decoded, whatever the tags and the payload', () => {
    const ms = fc.integer({ min: 0, max: 9_999_999_999_999 });
    const entries = fc.record({
      flags: fc.integer({ min: 0, max: 7 }),
      version: fc
        .bigInt({ min: 0n, max: 9_999_999_999_999_999_999n })
        .map((n) => String(n).padStart(19, '0') as Version),
      createdAtMs: ms,
      expiresMs: ms,
      costMs: fc.integer({ min: 0, max: 999_999 }),
      tags: fc.array(fc.string({ minLength: 1, maxLength: 20, unit: 'grapheme' }).map(encodeTag), { maxLength: 5 }),
      payload: fc.string({ unit: 'grapheme' }),
    });
    fc.assert(fc.property(entries, (entry) => expect(decodeEntry(encodeEntry(entry))).toEqual(entry)));
  });

  test.each([
    ['', 'foreign'],
    ['{"name":"Ada"}', 'foreign'],
    ['A', 'foreign'],
    [raw.slice(0, HEADER_LENGTH - 1), 'foreign'],
    [`a${raw.slice(1)}`, 'foreign'],
    [`AG${raw.slice(2)}`, 'foreign'],
    [raw.replace('000047', '0000x7'), 'foreign'],
    [`B${raw.slice(1)}`, 'newer'],
    [`Z0${'1'.repeat(19)}anything`, 'newer'],
    [raw, 'ours'],
  ])('%j is %s', (text, kind) => {
    expect(classify(text)).toBe(kind);
  });
});
