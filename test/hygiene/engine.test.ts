import { finishSweep } from '../../src/hygiene/engine/finish-sweep';
import { plan } from '../../src/hygiene/engine/plan-sweeps';
import { runWorkItem } from '../../src/hygiene/engine/work-item';
import { readProgress } from '../../src/hygiene/records/sweep-progress';
import type { SweepRecord } from '../../src/hygiene/records/sweep-record';
import { sweepRecordName } from '../../src/hygiene/records/sweep-record';
import {
  Crash,
  MINUTE,
  memoryRead,
  planning,
  server,
  survive,
  unfixed,
  untilClosed,
  type World,
  world,
} from './fake-servers';

test('two shards are scanned to the end in many work items, each key once', async () => {
  const it = world({ a: server(4_000), b: server(2_500) });
  await plan(new Date(it.now), it, planning);
  expect(it.waiting).toHaveLength(2);
  const { last } = await untilClosed(it);
  expect(last).toMatchObject({ examined: 6_500, shards: 2, faults: [], figures: { seen: 6_500, fixed: 650 } });
  expect(unfixed(it)).toBe(0);
});

test('a crash at any step, before or after it took effect, loses no key and counts none twice', async () => {
  let crashes = 0;
  for (let at = 0; ; at += 1) {
    let steps = 0;
    let crashed = false;
    const it = world({ a: server(2_000), b: server(300) }, async () => {
      if (steps++ === at) {
        crashed = true;
        throw new Crash();
      }
    });
    await survive(() => plan(new Date(it.now), it, planning));
    const { last } = await untilClosed(it);
    expect(unfixed(it)).toBe(0);
    expect(last).toMatchObject({ examined: 2_300, faults: [], figures: { seen: 2_300 } });
    expect(last?.figures.fixed).toBeLessThanOrEqual(230);
    if (!crashed) break;
    crashes += 1;
  }
  expect(crashes).toBeGreaterThan(80);
});

test('every message delivered twice, late or at once, changes nothing', async () => {
  const it = world({ a: server(3_000) });
  await plan(new Date(it.now), it, planning);
  const delivered: World['waiting'] = [];
  for (let round = 0; round < 300 && it.waiting.length > 0; round += 1) {
    const message = it.waiting.shift()!;
    it.now += message.delaySeconds * 1_000;
    delivered.push(message);
    await Promise.all([runWorkItem(message, it), runWorkItem(message, it)]);
    await runWorkItem(delivered[Math.floor(delivered.length / 2)]!, it);
    if ((await finishSweep('sessions', it)).outcome === 'closed') break;
  }
  const run = await memoryRead<SweepRecord>(it, sweepRecordName('sessions'));
  expect(run?.last).toMatchObject({ examined: 3_000, figures: { seen: 3_000, fixed: 300 }, faults: [] });
});

test('a sweep is due when its time has come, and only one planner starts it', async () => {
  const it = world({ a: server(100) });
  const both = await Promise.all([plan(new Date(it.now), it, planning), plan(new Date(it.now), it, planning)]);
  expect(both.flatMap(({ started }) => started)).toEqual(['sessions']);
  await untilClosed(it);
  it.now += 54 * MINUTE;
  expect((await plan(new Date(it.now), it, planning)).started).toEqual([]);
  it.now += 4 * MINUTE;
  expect((await plan(new Date(it.now), it, planning)).started).toEqual(['sessions']);
  const off = { ...planning, everyMs: { sessions: 0, census: 0, reclaim: 0 } };
  await untilClosed(it);
  it.now += 1_000 * MINUTE;
  expect((await plan(new Date(it.now), it, off)).started).toEqual([]);
});

test('a dry run changes nothing, and its result is no part of the history', async () => {
  const it = world({ a: server(1_000) });
  await plan(new Date(it.now), it, { ...planning, dryRun: true });
  const { last, history } = await untilClosed(it);
  expect(last).toMatchObject({ dryRun: true, examined: 1_000, figures: { fixed: 0 } });
  expect(history).toEqual([]);
  expect(unfixed(it)).toBe(100);
});

test('progress says how far a run is and how long it will take', async () => {
  const it = world({ a: server(4_000) });
  expect(await readProgress(it.records, it.clock)).toEqual([]);
  await plan(new Date(it.now), it, planning);
  expect(await readProgress(it.records, it.clock)).toMatchObject([{ percent: 0, shards: 1, shardsDone: 0 }]);
  await runWorkItem(it.waiting.shift()!, it);
  const [half] = await readProgress(it.records, it.clock);
  expect(half).toMatchObject({ status: 'running', expected: 4_000 });
  expect(half!.percent).toBeGreaterThan(10);
  expect(half!.secondsLeft).toBeDefined();
  await runWorkItem(it.waiting.shift()!, it).then(() => untilClosed(it));
  expect(await readProgress(it.records, it.clock)).toMatchObject([
    { status: 'finished', percent: 100, examined: 4_000, shardsDone: 1, last: { examined: 4_000 } },
  ]);
});
