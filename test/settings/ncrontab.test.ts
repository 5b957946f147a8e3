import { parseSchedule, ScheduleError } from '../../src/settings/ncrontab';

const next = (expression: string, base: string, count = 1): string[] => {
  const schedule = parseSchedule(expression);
  const found: string[] = [];
  for (let at = schedule.next(new Date(base)); at && found.length < count; at = schedule.next(at)) {
    found.push(at.toISOString().replace('.000Z', ''));
  }
  return found;
};

test.each([
  [
    'six fields, seconds first',
    '0 */5 * * * *',
    '2026-11-23T10:02:11Z',
    ['2026-11-23T10:05:00', '2026-11-23T10:10:00'],
  ],
  ['five fields have second 0', '*/5 * * * *', '2026-11-23T10:02:11Z', ['2026-11-23T10:05:00', '2026-11-23T10:10:00']],
  ['strictly after the base', '20 * * * * *', '2026-11-23T10:02:20Z', ['2026-11-23T10:03:20', '2026-11-23T10:04:20']],
  [
    'from a fraction of a second',
    '* * * * * *',
    '2026-11-23T10:02:20.5Z',
    ['2026-11-23T10:02:21', '2026-11-23T10:02:22'],
  ],
  ['lists and ranges', '0 0 9-10,17 * * *', '2026-11-23T10:00:00Z', ['2026-11-23T17:00:00', '2026-11-24T09:00:00']],
  [
    'a/n runs from a to the end',
    '0 50/4 * * * *',
    '2026-11-23T10:49:00Z',
    ['2026-11-23T10:50:00', '2026-11-23T10:54:00'],
  ],
  [
    'a reversed range is swapped, not wrapped',
    '0 0 22-2 * * *',
    '2026-11-23T21:30:00Z',
    ['2026-11-23T22:00:00', '2026-11-24T02:00:00'],
  ],
  [
    'a step past the end leaves the lowest',
    '0 */90 * * * *',
    '2026-11-23T10:02:00Z',
    ['2026-11-23T11:00:00', '2026-11-23T12:00:00'],
  ],
  ['a step of 0 is one of 1', '0 */0 * * * *', '2026-11-23T10:02:00Z', ['2026-11-23T10:03:00', '2026-11-23T10:04:00']],
  ['Sunday is 0', '0 0 2 * * 0', '2026-11-23T00:00:00Z', ['2026-11-29T02:00:00', '2026-12-06T02:00:00']],
  [
    'names match by prefix, in any case',
    '0 0 2 * J mon',
    '2026-11-23T00:00:00Z',
    ['2027-01-04T02:00:00', '2027-01-11T02:00:00'],
  ],
  [
    'day and day of week must both match',
    '0 0 0 13 * Friday',
    '2026-11-23T00:00:00Z',
    ['2027-08-13T00:00:00', '2028-10-13T00:00:00'],
  ],
  [
    'day 31 is left out in short months',
    '0 0 0 31 * *',
    '2026-10-31T00:00:00Z',
    ['2026-12-31T00:00:00', '2027-01-31T00:00:00'],
  ],
  [
    'a leap day waits for its year',
    '0 0 0 29 2 *',
    '2026-03-01T00:00:00Z',
    ['2028-02-29T00:00:00', '2032-02-29T00:00:00'],
  ],
])('%s', (_, expression, base, expected) => {
  expect(next(expression, base, 2)).toEqual(expected);
});

test('a day that never comes gives no occurrence', () => {
  expect(parseSchedule('0 0 0 30 2 *').next(new Date('2026-01-01T00:00:00Z'))).toBeUndefined();
});

test.each([
  '',
  '* * * *',
  '* * * * * * *',
  '60 * * * * *',
  '0 0 24 * * *',
  '0 0 0 0 * *',
  '0 0 0 * 13 *',
  '0 0 0 * * 7',
  '0 0 0 L * *',
  '0 0 0 ? * *',
  '@daily',
  '0\t*/5 * * * *',
  '1-2-3 * * * * *',
  '0 0 0 * Foo *',
  '-1 * * * * *',
])('%p is refused', (expression) => {
  expect(() => parseSchedule(expression)).toThrow(ScheduleError);
});
