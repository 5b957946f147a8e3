import { plan } from '../../src/hygiene/engine/plan-sweeps';
import { runWorkItem } from '../../src/hygiene/engine/work-item';
import type { ShardRecord, SweepMessage } from '../../src/hygiene/records/sweep-record';
import { shardRecordName } from '../../src/hygiene/records/sweep-record';
import { quietHours } from '../../src/hygiene/throttle/quiet-hours';
import { RedisUnavailableError } from '../../src/redis';
import { memoryRead, planning, server, unfixed, untilClosed, world } from './fake-servers';

test('a server that restarted between two work items is scanned from the beginning', async () => {
  const it = world({ a: server(3_000) });
  await plan(new Date(it.now), it, planning);
  await runWorkItem(it.waiting.shift()!, it);
  Object.assign(it.servers.get('a')!, { runId: 'run-2', keys: server(3_000).keys });
  const { last } = await untilClosed(it);
  expect(last).toMatchObject({ examined: 3_000, restarts: 1, faults: [] });
  expect(unfixed(it)).toBe(0);
});

test('a batch that another server answered is not counted, and the scan restarts', async () => {
  let batches = 0;
  const it = world({ a: server(3_000) }, async (name) => {
    if (name !== 'batch' || ++batches !== 4) return;
    const one = it.servers.get('a')!;
    Object.assign(one, { runId: 'run-2', connects: 1, keys: server(3_000).keys });
  });
  await plan(new Date(it.now), it, planning);
  const { last } = await untilClosed(it);
  expect(last).toMatchObject({ examined: 3_000, restarts: 1, figures: { seen: 3_000 } });
  expect(unfixed(it)).toBe(0);
});

test('a new connection to the same server goes on where it was', async () => {
  let batches = 0;
  const it = world({ a: server(3_000) }, async (name) => {
    if (name === 'batch' && ++batches % 3 === 0) it.servers.get('a')!.connects += 1;
  });
  await plan(new Date(it.now), it, planning);
  const { last } = await untilClosed(it);
  expect(last).toMatchObject({ examined: 3_000, restarts: 0 });
});

test('a server that is another one each time ends the shard with a fault', async () => {
  let batches = 0;
  const it = world({ a: server(3_000) }, async (name) => {
    if (name === 'batch') Object.assign(it.servers.get('a')!, { runId: `run-${++batches}`, connects: batches });
  });
  await plan(new Date(it.now), it, planning);
  const { last } = await untilClosed(it);
  expect(last?.faults).toEqual(['a: the server changed too often']);
});

test('a promoted replica takes the place of a master that is gone', async () => {
  const it = world({ a: server(2_000, '0-100'), b: server(2_000, '101-200') });
  await plan(new Date(it.now), it, planning);
  for (const message of it.waiting.splice(0)) await runWorkItem(message, it);
  it.servers.delete('a');
  it.servers.set('c', { ...server(2_000, '0-100'), nodeId: 'node-3' });
  const { last, shards } = await untilClosed(it);
  expect(shards).toEqual(['a', 'b', 'c']);
  expect(last?.faults).toEqual([]);
  expect(unfixed(it)).toBe(0);
  expect(await memoryRead<ShardRecord>(it, shardRecordName('sessions', 'a'))).toMatchObject({ status: 'gone' });
});

test('a shard that got slots after its scan had ended is scanned again', async () => {
  const it = world({ a: server(1_000, '0-100'), b: server(3_000, '101-200') });
  await plan(new Date(it.now), it, planning);
  const messages = it.waiting.splice(0);
  let message: SweepMessage | undefined = messages[0];
  while (message) {
    await runWorkItem(message, it);
    message = it.waiting.splice(0)[0];
  }
  it.waiting.push(messages[1]!);
  const a = it.servers.get('a')!;
  const b = it.servers.get('b')!;
  a.slots = '0-110';
  b.slots = '111-200';
  a.keys.push(...b.keys.splice(0, 200));
  const { last } = await untilClosed(it);
  expect(last).toMatchObject({ rescans: 1, faults: [] });
  expect(unfixed(it)).toBe(0);
});

test('a walk that came short is repeated once, and then reported', async () => {
  const it = world({ a: server(1_000) });
  it.servers.get('a')!.load = { keys: 2_000 };
  await plan(new Date(it.now), it, planning);
  const { last } = await untilClosed(it);
  expect(last).toMatchObject({ rescans: 1, faults: ['a: fewer keys were examined than the server held'] });
});

test('a keyspace that grows as fast as it is scanned ends the run when its time is up', async () => {
  const it = world(
    { a: server(1_000) },
    async (name) => {
      if (name === 'batch') it.servers.get('a')!.keys.push(...Array.from({ length: 5_000 }, () => false));
    },
    { maxSweepMs: 100 },
  );
  await plan(new Date(it.now), it, planning);
  const { last } = await untilClosed(it);
  expect(last?.faults).toEqual(['a: it took longer than SWEEP_MAX_HOURS']);
});

test.each([
  ['failover', { failingOver: true }],
  ['evictions', { evicted: 1_000_000 }],
  ['latency', { latencyMs: 1_000 }],
] as const)('%s pauses the sweep, and it continues later', async (reason, bad) => {
  const it = world({ a: server(3_000) });
  await plan(new Date(it.now), it, planning);
  if (reason === 'evictions') await runWorkItem(it.waiting.shift()!, it);
  it.servers.get('a')!.load = bad;
  if (reason === 'evictions') {
    let evicted = 0;
    const get = () => {
      evicted += 1_000;
      return { evicted };
    };
    Object.defineProperty(it.servers.get('a')!, 'load', { get, set() {} });
  }
  const result = await runWorkItem(it.waiting.shift()!, it);
  expect(result).toMatchObject({ outcome: 'paused', reason });
  expect(it.waiting).toMatchObject([{ delaySeconds: 60 }]);
  Object.defineProperty(it.servers.get('a')!, 'load', { value: {} });
  const { last } = await untilClosed(it);
  expect(last).toMatchObject({ examined: 3_000, faults: [] });
});

test('an unreachable server pauses the sweep, and what was done stays counted', async () => {
  let batches = 0;
  const it = world({ a: server(3_000) }, async (name) => {
    if (name === 'batch' && ++batches === 5) throw new RedisUnavailableError('away');
  });
  await plan(new Date(it.now), it, planning);
  const { last } = await untilClosed(it);
  expect(last).toMatchObject({ examined: 3_000, figures: { seen: 3_000, fixed: 300 }, faults: [] });
});

test('quiet hours stop planning and work items, which continue when they end', async () => {
  const it = world({ a: server(300) });
  await plan(new Date(it.now), it, planning);
  const quiet = { ...it, quiet: quietHours(['10:00-10:30'], 'UTC') };
  expect(await runWorkItem(it.waiting.shift()!, quiet)).toMatchObject({ outcome: 'paused', reason: 'quiet-hours' });
  expect(it.waiting).toMatchObject([{ delaySeconds: 1_800 }]);
  expect(await plan(new Date(it.now), quiet, planning)).toMatchObject({ queued: 0, started: [] });
  const { last } = await untilClosed(it);
  expect(last).toMatchObject({ examined: 300 });
});

test('at the end of the process a work item hands over after its batch, and its successor goes on there', async () => {
  const ending = new AbortController();
  let batches = 0;
  const it = world({ a: server(3_000) }, async (name) => {
    if (name === 'batch' && ++batches === 2) ending.abort();
  });
  await plan(new Date(it.now), it, planning);
  const first = it.waiting.shift()!;
  expect(await runWorkItem(first, { ...it, ending: ending.signal })).toMatchObject({ outcome: 'continued' });
  expect(batches).toBe(2);
  // The message of the work item that was cut comes back later: it adds nothing.
  expect(it.waiting).toMatchObject([{ seq: first.seq + 1 }]);
  const { last } = await untilClosed(it);
  expect(last).toMatchObject({ examined: 3_000, restarts: 0, faults: [] });
});
