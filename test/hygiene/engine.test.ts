import type { Clock } from '../../src/clock';
import { closePass } from '../../src/hygiene/closing';
import { type PlanOptions, plan } from '../../src/hygiene/planner';
import type { NodeVitals, PassKind, PassRecordStore, Scanner, ShardSource, SweepQueue } from '../../src/hygiene/ports';
import { readProgress } from '../../src/hygiene/progress';
import { quietHours } from '../../src/hygiene/quiet-hours';
import type { PassName, PassRecord, ShardRecord, SweepMessage } from '../../src/hygiene/record';
import { passRecordName, shardRecordName } from '../../src/hygiene/record-names';
import { memoryRecords } from '../../src/hygiene/records-memory';
import { runSlice, type SliceDeps, type SliceOptions } from '../../src/hygiene/slice';
import { RedisUnavailableError } from '../../src/redis';

/** The engine over servers made of arrays, so that every crash and every order can be tried. */

interface FakeServer {
  runId: string;
  nodeId: string;
  /** Index is the cursor's place; the value says whether the key has a TTL. */
  keys: boolean[];
  slots: string;
  slotsToBe?: string;
  vitals: Partial<NodeVitals>;
  connects: number;
}

const server = (keys: number, slots = ''): FakeServer => ({
  runId: 'run-1',
  nodeId: 'node-1',
  keys: Array.from({ length: keys }, (_, index) => index % 10 !== 0),
  slots,
  vitals: {},
  connects: 0,
});

interface Findings {
  seen: number;
  fixed: number;
}

const kind: PassKind<Findings, Findings> = {
  name: 'sessions',
  empty: () => ({ seen: 0, fixed: 0 }),
  add(findings, page) {
    findings.seen += page.seen;
    findings.fixed += page.fixed;
  },
  merge(findings, other) {
    findings.seen += other.seen;
    findings.fixed += other.fixed;
  },
  forget(findings) {
    findings.seen = 0;
  },
  figures: ({ seen }) => ({ seen }),
  changes: ({ fixed }) => ({ fixed }),
};

class FakeShards implements ShardSource {
  constructor(
    readonly servers: Map<string, FakeServer>,
    readonly step: (name: string) => Promise<void>,
  ) {}

  async shards() {
    await this.step('shards');
    return [...this.servers.keys()];
  }

  async open(_: PassName, shard: string, { dryRun }: { dryRun: boolean }): Promise<Scanner | undefined> {
    await this.step('open');
    if (!this.servers.has(shard)) return undefined;
    let connects = this.#of(shard).connects;
    return {
      vitals: async () => {
        await this.step('vitals');
        const { runId, nodeId, keys, slots, slotsToBe = slots, vitals } = this.#of(shard);
        connects = this.#of(shard).connects;
        return {
          ...{ runId, nodeId, slots, slotsToBe, role: 'master' as const, failingOver: false, keys: keys.length },
          ...{ expired: 0, evicted: 0, cpuSeconds: 0, latencyMs: 0, usedBytes: 0, capacityBytes: 0 },
          ...vitals,
        };
      },
      page: async (cursor, count) => {
        await this.step('page');
        const { keys } = this.#of(shard);
        const end = Math.min(keys.length, Number(cursor) + count);
        let fixed = 0;
        for (let index = Number(cursor); index < end; index += 1) {
          if (keys[index] || dryRun) continue;
          keys[index] = true;
          fixed += 1;
        }
        await this.step('page done');
        const examined = Math.max(0, end - Number(cursor));
        return {
          cursor: end >= keys.length ? '0' : `${end}`,
          examined,
          micros: 500,
          found: { seen: examined, fixed },
        };
      },
      reconnected: () => this.#of(shard).connects !== connects,
      close: () => {},
    };
  }

  #of(shard: string): FakeServer {
    const found = this.servers.get(shard);
    if (!found) throw new RedisUnavailableError('the server is gone');
    return found;
  }
}

class Crash extends Error {}

interface World extends SliceDeps {
  readonly servers: Map<string, FakeServer>;
  readonly waiting: (SweepMessage & { delaySeconds: number })[];
  now: number;
}

const MINUTE = 60_000;
const planning: PlanOptions = {
  everyMs: { sessions: 60 * MINUTE, census: 0, reclaim: 0 },
  stalledMs: 10 * MINUTE,
  dryRun: false,
};

/** `step` is called before and after everything that leaves the process. */
function world(
  servers: Record<string, FakeServer>,
  step: (name: string) => Promise<void> = async () => {},
  options: Partial<SliceOptions> = {},
): World {
  const records = memoryRecords();
  const waiting: World['waiting'] = [];
  const watched: PassRecordStore = {
    async read(name) {
      await step('read');
      return records.read(name);
    },
    async write(name, value, etag) {
      await step('write');
      const written = await records.write(name, value, etag);
      await step('written');
      return written;
    },
  };
  const queue: SweepQueue = {
    async send(message, delaySeconds = 0) {
      await step('send');
      waiting.push({ ...message, delaySeconds });
      await step('sent');
    },
  };
  const map = new Map(Object.entries(servers));
  const clock: Clock = { now: () => self.now };
  const self: World = {
    now: Date.parse('2026-11-23T10:00:00Z'),
    servers: map,
    waiting,
    records: watched,
    queue,
    shards: new FakeShards(map, async (name) => {
      if (name === 'page') self.now += 1;
      await step(name);
    }),
    kinds: { sessions: kind } as unknown as SliceDeps['kinds'],
    quiet: quietHours([], 'UTC'),
    clock,
    options: {
      budgetMs: 8,
      saveEveryMs: 3,
      claimMs: 1_000,
      pauseMs: 60_000,
      maxPassMs: 24 * 60 * MINUTE,
      limits: { maxDuty: 1, maxEvictionsPerSecond: 1_000, maxLatencyMs: 50 },
      ...options,
    },
  };
  return self;
}

/** The host and the timer: delivers until the run is closed; a message whose slice crashed comes again. */
async function untilClosed(it: World, limit = 500): Promise<PassRecord> {
  const readRun = () => memoryRead<PassRecord>(it, passRecordName('sessions'));
  for (let round = 0; round < limit; round += 1) {
    const run = await readRun();
    if (run?.status === 'finished') return run;
    const message = it.waiting.shift();
    if (!message) {
      it.now += 10 * MINUTE;
      await survive(() => plan(new Date(it.now), it, planning));
      continue;
    }
    it.now += message.delaySeconds * 1_000;
    const done = await survive(async () => {
      const { outcome } = await runSlice(message, it);
      if (['finished', 'gone', 'dropped'].includes(outcome)) await closePass('sessions', it);
    });
    if (!done) it.waiting.push({ ...message, delaySeconds: 30 });
  }
  throw new Error('the run never ended');
}

async function survive(work: () => Promise<unknown>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error: unknown) {
    if (error instanceof Crash) return false;
    throw error;
  }
}

/** Reads without a step. */
async function memoryRead<T>(it: World, name: string): Promise<T | undefined> {
  for (;;) {
    try {
      return (await it.records.read<T>(name))?.value;
    } catch (error: unknown) {
      if (!(error instanceof Crash)) throw error;
    }
  }
}

const unfixed = (it: World) => [...it.servers.values()].flatMap(({ keys }) => keys).filter((has) => !has).length;

test('two shards are walked to the end in many slices, each key once', async () => {
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
    const it = world({ a: server(1_500), b: server(300) }, async () => {
      if (steps++ === at) {
        crashed = true;
        throw new Crash();
      }
    });
    await survive(() => plan(new Date(it.now), it, planning));
    const { last } = await untilClosed(it);
    expect(unfixed(it)).toBe(0);
    expect(last).toMatchObject({ examined: 1_800, faults: [], figures: { seen: 1_800 } });
    expect(last?.figures.fixed).toBeLessThanOrEqual(180);
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
    await Promise.all([runSlice(message, it), runSlice(message, it)]);
    await runSlice(delivered[Math.floor(delivered.length / 2)]!, it);
    if ((await closePass('sessions', it)).outcome === 'closed') break;
  }
  const run = await memoryRead<PassRecord>(it, passRecordName('sessions'));
  expect(run?.last).toMatchObject({ examined: 3_000, figures: { seen: 3_000, fixed: 300 }, faults: [] });
});

test('a server that was started anew between slices is walked from the beginning', async () => {
  const it = world({ a: server(3_000) });
  await plan(new Date(it.now), it, planning);
  await runSlice(it.waiting.shift()!, it);
  Object.assign(it.servers.get('a')!, { runId: 'run-2', keys: server(3_000).keys });
  const { last } = await untilClosed(it);
  expect(last).toMatchObject({ examined: 3_000, restarts: 1, faults: [] });
  expect(unfixed(it)).toBe(0);
});

test('a page that another server answered is not counted, and the walk begins anew', async () => {
  let pages = 0;
  const it = world({ a: server(3_000) }, async (name) => {
    if (name !== 'page' || ++pages !== 4) return;
    const one = it.servers.get('a')!;
    Object.assign(one, { runId: 'run-2', connects: 1, keys: server(3_000).keys });
  });
  await plan(new Date(it.now), it, planning);
  const { last } = await untilClosed(it);
  expect(last).toMatchObject({ examined: 3_000, restarts: 1, figures: { seen: 3_000 } });
  expect(unfixed(it)).toBe(0);
});

test('a connection made anew to the same server goes on where it was', async () => {
  let pages = 0;
  const it = world({ a: server(3_000) }, async (name) => {
    if (name === 'page' && ++pages % 3 === 0) it.servers.get('a')!.connects += 1;
  });
  await plan(new Date(it.now), it, planning);
  const { last } = await untilClosed(it);
  expect(last).toMatchObject({ examined: 3_000, restarts: 0 });
});

test('a server that is another one each time ends the shard with a fault', async () => {
  let pages = 0;
  const it = world({ a: server(3_000) }, async (name) => {
    if (name === 'page') Object.assign(it.servers.get('a')!, { runId: `run-${++pages}`, connects: pages });
  });
  await plan(new Date(it.now), it, planning);
  const { last } = await untilClosed(it);
  expect(last?.faults).toEqual(['a: another server answered too often']);
});

test('a promoted replica takes the place of a master that is gone', async () => {
  const it = world({ a: server(2_000, '0-100'), b: server(2_000, '101-200') });
  await plan(new Date(it.now), it, planning);
  for (const message of it.waiting.splice(0)) await runSlice(message, it);
  it.servers.delete('a');
  it.servers.set('c', { ...server(2_000, '0-100'), nodeId: 'node-3' });
  const { last, shards } = await untilClosed(it);
  expect(shards).toEqual(['a', 'b', 'c']);
  expect(last?.faults).toEqual([]);
  expect(unfixed(it)).toBe(0);
  expect(await memoryRead<ShardRecord>(it, shardRecordName('sessions', 'a'))).toMatchObject({ status: 'gone' });
});

test('a shard that got slots after its walk had ended is walked again', async () => {
  const it = world({ a: server(1_000, '0-100'), b: server(3_000, '101-200') });
  await plan(new Date(it.now), it, planning);
  const messages = it.waiting.splice(0);
  let message: SweepMessage | undefined = messages[0];
  while (message) {
    await runSlice(message, it);
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
  it.servers.get('a')!.vitals = { keys: 2_000 };
  await plan(new Date(it.now), it, planning);
  const { last } = await untilClosed(it);
  expect(last).toMatchObject({ rescans: 1, faults: ['a: fewer keys were examined than there were'] });
});

test('a keyspace that grows as fast as it is walked ends the run when its time is up', async () => {
  const it = world(
    { a: server(1_000) },
    async (name) => {
      if (name === 'page') it.servers.get('a')!.keys.push(...Array.from({ length: 5_000 }, () => false));
    },
    { maxPassMs: 100 },
  );
  await plan(new Date(it.now), it, planning);
  const { last } = await untilClosed(it);
  expect(last?.faults).toEqual(['a: it took longer than a run may']);
});

test.each([
  ['failover', { failingOver: true }],
  ['evictions', { evicted: 1_000_000 }],
  ['latency', { latencyMs: 1_000 }],
] as const)('%s pauses the pass, and it goes on later', async (reason, bad) => {
  const it = world({ a: server(3_000) });
  await plan(new Date(it.now), it, planning);
  if (reason === 'evictions') await runSlice(it.waiting.shift()!, it);
  it.servers.get('a')!.vitals = bad;
  if (reason === 'evictions') {
    let evicted = 0;
    const get = () => {
      evicted += 1_000;
      return { evicted };
    };
    Object.defineProperty(it.servers.get('a')!, 'vitals', { get, set() {} });
  }
  const result = await runSlice(it.waiting.shift()!, it);
  expect(result).toMatchObject({ outcome: 'paused', reason });
  expect(it.waiting).toMatchObject([{ delaySeconds: 60 }]);
  Object.defineProperty(it.servers.get('a')!, 'vitals', { value: {} });
  const { last } = await untilClosed(it);
  expect(last).toMatchObject({ examined: 3_000, faults: [] });
});

test('an unreachable server pauses the pass, and what was done stays counted', async () => {
  let pages = 0;
  const it = world({ a: server(3_000) }, async (name) => {
    if (name === 'page' && ++pages === 5) throw new RedisUnavailableError('away');
  });
  await plan(new Date(it.now), it, planning);
  const { last } = await untilClosed(it);
  expect(last).toMatchObject({ examined: 3_000, figures: { seen: 3_000, fixed: 300 }, faults: [] });
});

test('quiet hours stop planning and slices, which go on when they end', async () => {
  const it = world({ a: server(300) });
  await plan(new Date(it.now), it, planning);
  const quiet = { ...it, quiet: quietHours(['10:00-10:30'], 'UTC') };
  expect(await runSlice(it.waiting.shift()!, quiet)).toMatchObject({ outcome: 'paused', reason: 'quiet-hours' });
  expect(it.waiting).toMatchObject([{ delaySeconds: 1_800 }]);
  expect(await plan(new Date(it.now), quiet, planning)).toMatchObject({ queued: 0, started: [] });
  const { last } = await untilClosed(it);
  expect(last).toMatchObject({ examined: 300 });
});

test('a pass is due when its time has come, and only one planner starts it', async () => {
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
  await runSlice(it.waiting.shift()!, it);
  const [half] = await readProgress(it.records, it.clock);
  expect(half).toMatchObject({ status: 'running', expected: 4_000 });
  expect(half!.percent).toBeGreaterThan(10);
  expect(half!.secondsLeft).toBeDefined();
  await runSlice(it.waiting.shift()!, it).then(() => untilClosed(it));
  expect(await readProgress(it.records, it.clock)).toMatchObject([
    { status: 'finished', percent: 100, examined: 4_000, shardsDone: 1, last: { examined: 4_000 } },
  ]);
});
