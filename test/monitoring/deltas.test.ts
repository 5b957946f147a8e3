import { MINUTE } from '../../src/clock';
import { growth } from '../../src/monitoring/samples/deltas';

const reading = (minute: number, counters: Record<string, number>, identity = 'run-1') => ({
  ...{ source: 'a:1', identity, counters },
  at: minute * MINUTE,
  readAt: minute * MINUTE,
});
const first = growth(undefined, reading(0, { hits: 100, 'calls|command=get': 10 })).baseline;

test('a first reading is a baseline and no delta', () => {
  expect(growth(undefined, reading(0, { hits: 100 })).deltas).toBeUndefined();
});

test('the same server has grown by the difference', () => {
  expect(growth(first, reading(1, { hits: 130, 'calls|command=get': 10 }))).toMatchObject({
    deltas: { hits: 30, 'calls|command=get': 0 },
    seconds: 60,
  });
});

test('a value that went down was reset, and has grown by what it is', () => {
  expect(growth(first, reading(1, { hits: 7 })).deltas).toEqual({ hits: 7 });
});

test('another run_id is a new baseline even where its counters are higher', () => {
  const failedOver = growth(first, reading(1, { hits: 1_000_000 }, 'run-2'));
  expect(failedOver.deltas).toBeUndefined();
  expect(growth(failedOver.baseline, reading(2, { hits: 1_000_005 }, 'run-2')).deltas).toEqual({ hits: 5 });
});

test('a gap of more than fifteen minutes, and a clock that was turned back, make no delta', () => {
  expect(growth(first, reading(16, { hits: 200 })).deltas).toBeUndefined();
  expect(growth(first, reading(-1, { hits: 200 })).deltas).toBeUndefined();
});

test('a new series of a known metric has grown from nothing; a new metric has no past', () => {
  expect(growth(first, reading(1, { hits: 100, 'calls|command=set': 4, slow: 9 })).deltas).toEqual({
    hits: 0,
    'calls|command=set': 4,
  });
});

test('a probe that failed once goes on from where it was', () => {
  const without = growth(first, reading(1, { hits: 100 })).baseline;
  expect(growth(without, reading(2, { hits: 100, 'calls|command=get': 15 })).deltas).toMatchObject({
    'calls|command=get': 5,
  });
});

test('totals only ever grow, over resets and failovers', () => {
  let { baseline } = growth(undefined, reading(0, { hits: 100 }));
  const totals = [baseline.totals.hits];
  for (const [minute, hits, run] of [
    [1, 150, 'run-1'],
    [2, 20, 'run-1'],
    [3, 9_000, 'run-2'],
    [4, 9_010, 'run-2'],
  ] as const) {
    ({ baseline } = growth(baseline, reading(minute, { hits }, run)));
    totals.push(baseline.totals.hits);
  }
  expect(totals).toEqual([0, 50, 70, 70, 80]);
});
