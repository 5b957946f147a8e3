import { DAY } from '../../src/clock';
import { type CensusFindings, emptyTally } from '../../src/hygiene/census/census-tally';
import { dated, readCensus } from '../../src/hygiene/census/census-view';
import { memoryJsonBlobs } from '../../src/storage/json-blobs';
import { censusAt, T0 } from './support';

const findings = (keys: Readonly<Record<string, number>>): CensusFindings => ({
  groups: Object.fromEntries(
    Object.entries(keys).map(([label, count]) => {
      const tally = emptyTally();
      tally[0] = count;
      return [label, tally];
    }),
  ),
  big: [],
  measured: false,
});

/** Records of a census that ended at T0, and of earlier ones by how many days before. */
async function records(earlier: Readonly<Record<number, CensusFindings>>, faults: string[] = []) {
  const made = memoryJsonBlobs();
  const figures = { keysPerDay: 30, usedBytesPerDay: 1_000, daysUntilFull: 4 };
  const last = { finishedAt: T0, faults, figures, findings: findings({ 'shop:item': 100, 'shop:new': 14 }) };
  await made.write('census/pass.json', { last }, undefined);
  for (const [days, found] of Object.entries(earlier)) {
    const finishedAt = T0 - Number(days) * DAY;
    const name = `census/${new Date(finishedAt).toISOString().slice(0, 10)}.json`;
    await made.write(name, { finishedAt, findings: found }, undefined);
  }
  return made;
}

const growth = async (earlier: Readonly<Record<number, CensusFindings>>) =>
  (await readCensus(await records(earlier)))?.groups.map(({ label, keysPerDay }) => [label, keysPerDay]);

test('before the first census there is none, nor while the first is under way', async () => {
  const none = memoryJsonBlobs();
  expect(await readCensus(none)).toBeUndefined();
  await none.write('census/pass.json', { status: 'running' }, undefined);
  expect(await readCensus(none)).toBeUndefined();
});

test('the whole grows as the line through the censuses, and a fault makes it incomplete', async () => {
  expect(await readCensus(await records({}, ['a shard: keys were short']))).toMatchObject({
    ...{ finishedAt: T0, isComplete: false, usedBytesPerDay: 1_000, daysUntilFull: 4 },
    total: { keys: 114, withoutTtlShare: 0, memoryBytes: null, keysPerDay: 30 },
  });
});

test('a group grows by what it has more than a week before, or two days before until there is a week', async () => {
  expect(await growth({})).toEqual([
    ['shop:item', null],
    ['shop:new', null],
  ]);
  expect(await growth({ 1: findings({ 'shop:item': 1 }), 2: findings({ 'shop:item': 120 }) })).toEqual([
    ['shop:item', -10],
    ['shop:new', 7],
  ]);
  expect(await growth({ 2: findings({}), 7: findings({ 'shop:item': 30 }) })).toEqual([
    ['shop:item', 10],
    ['shop:new', 2],
  ]);
});

test('nothing is said of a group that was too small to be named then', async () => {
  expect(await growth({ 7: findings({ 'shop:item': 30, '(overflow)': 999 }) })).toEqual([
    ['shop:item', 10],
    ['shop:new', null],
  ]);
});

test.each([
  ['in ten days', 10, T0 + 10 * DAY],
  ['already', 0, T0],
  ['never', null, null],
  ['in some million years', 1e12, null],
])('memory that is full %s', (_, daysUntilFull, fullAt) => {
  expect(dated({ ...censusAt(T0), daysUntilFull })?.fullAt).toBe(fullAt);
});
