import fc from 'fast-check';
import {
  isNewer,
  NO_VERSION,
  toVersion,
  type Version,
  VersionError,
  versionAt,
  versionMs,
} from '../../src/entities/version';

const micros = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
const writer = fc.integer({ min: 0, max: 999 });

describe('versions', () => {
  test('are 19 digits, and text order is number order', () => {
    fc.assert(
      fc.property(micros, writer, micros, writer, (a, wa, b, wb) => {
        const [one, other] = [versionAt(a, wa), versionAt(b, wb)];
        expect(one).toMatch(/^\d{19}$/);
        expect(isNewer(one, other)).toBe(BigInt(one) > BigInt(other));
      }),
    );
  });

  test('keep their microseconds and their writer', () => {
    fc.assert(
      fc.property(micros, writer, (a, w) => {
        const version = versionAt(a, w);
        expect(version.slice(0, 16)).toBe(String(a).padStart(16, '0'));
        expect(Number(version.slice(16))).toBe(w);
        expect(versionMs(version)).toBeCloseTo(a / 1_000, 1);
      }),
    );
  });

  test('come back from a database as they went', () => {
    fc.assert(
      fc.property(micros, writer, (a, w) => {
        const version = versionAt(a, w);
        expect(toVersion(BigInt(version))).toBe(version);
        expect(toVersion(BigInt(version).toString())).toBe(version);
      }),
    );
    expect(toVersion(null)).toBe(NO_VERSION);
    expect(toVersion(undefined)).toBe(NO_VERSION);
    expect(toVersion(7)).toBe('0000000000000000007');
  });

  test.each([1.79e18, 1.5, Number.NaN, -1, '', '-1', '1e3', 'abc', '1'.repeat(20)])('%p is no version', (given) => {
    expect(() => toVersion(given)).toThrow(VersionError);
  });

  test.each([
    [1, 1_000],
    [1, -1],
    [1, 0.5],
    [-1, 1],
    [1e16, 1],
    [Number.NaN, 1],
  ])('no version is made of %p µs and writer %p', (a, w) => {
    expect(() => versionAt(a, w)).toThrow(VersionError);
  });

  test('a row that was never written is older than every write', () => {
    expect(isNewer('0'.repeat(18).concat('1') as Version, NO_VERSION)).toBe(true);
  });
});
