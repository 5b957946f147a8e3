import type { Clock } from '../../src/clock';
import { finishSweep } from '../../src/hygiene/engine/finish-sweep';
import { type PlanOptions, plan } from '../../src/hygiene/engine/plan-sweeps';
import { runWorkItem } from '../../src/hygiene/engine/work-item';
import type {
  RecordStore,
  Scanner,
  ShardSource,
  SweepDeps,
  SweepKind,
  SweepQueue,
  WorkItemOptions,
} from '../../src/hygiene/ports';
import type { SweepMessage, SweepName, SweepRecord } from '../../src/hygiene/records/sweep-record';
import { sweepRecordName } from '../../src/hygiene/records/sweep-record';
import { quietHours } from '../../src/hygiene/throttle/quiet-hours';
import type { ServerLoad } from '../../src/hygiene/throttle/server-load';
import { RedisUnavailableError } from '../../src/redis';
import { memoryJsonBlobs } from '../../src/storage/json-blobs';

/** Servers made of arrays, so that every crash and every order can be tried without one of the real ones. */

interface FakeServer {
  runId: string;
  nodeId: string;
  /** Index is the cursor's place; the value says whether the key has a TTL. */
  keys: boolean[];
  slots: string;
  slotsToBe?: string;
  load: Partial<ServerLoad>;
  connects: number;
}

export const server = (keys: number, slots = ''): FakeServer => ({
  runId: 'run-1',
  nodeId: 'node-1',
  keys: Array.from({ length: keys }, (_, index) => index % 10 !== 0),
  slots,
  load: {},
  connects: 0,
});

interface Findings {
  seen: number;
  fixed: number;
}

const kind: SweepKind<Findings, Findings> = {
  name: 'sessions',
  empty: () => ({ seen: 0, fixed: 0 }),
  add(findings, batch) {
    findings.seen += batch.seen;
    findings.fixed += batch.fixed;
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

  async open(_: SweepName, shard: string, { dryRun }: { dryRun: boolean }): Promise<Scanner | undefined> {
    await this.step('open');
    if (!this.servers.has(shard)) return undefined;
    let connects = this.#of(shard).connects;
    return {
      serverLoad: async () => {
        await this.step('load');
        const { runId, nodeId, keys, slots, slotsToBe = slots, load } = this.#of(shard);
        connects = this.#of(shard).connects;
        return {
          ...{ runId, nodeId, slots, slotsToBe, role: 'master' as const, failingOver: false, keys: keys.length },
          ...{ expired: 0, evicted: 0, cpuSeconds: 0, latencyMs: 0, usedBytes: 0, capacityBytes: 0 },
          ...load,
        };
      },
      batch: async (cursor, count) => {
        await this.step('batch');
        const { keys } = this.#of(shard);
        const end = Math.min(keys.length, Number(cursor) + count);
        let fixed = 0;
        for (let index = Number(cursor); index < end; index += 1) {
          if (keys[index] || dryRun) continue;
          keys[index] = true;
          fixed += 1;
        }
        await this.step('batch done');
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

export class Crash extends Error {}

export interface World extends SweepDeps {
  readonly servers: Map<string, FakeServer>;
  readonly waiting: (SweepMessage & { delaySeconds: number })[];
  now: number;
}

export const MINUTE = 60_000;
export const planning: PlanOptions = {
  everyMs: { sessions: 60 * MINUTE, census: 0, reclaim: 0 },
  stalledMs: 10 * MINUTE,
  dryRun: false,
};

/** `step` is called before and after everything that leaves the process. */
export function world(
  servers: Record<string, FakeServer>,
  step: (name: string) => Promise<void> = async () => {},
  options: Partial<WorkItemOptions> = {},
): World {
  const records = memoryJsonBlobs();
  const waiting: World['waiting'] = [];
  const watched: RecordStore = {
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
      if (name === 'batch') self.now += 1;
      await step(name);
    }),
    kinds: { sessions: kind } as unknown as SweepDeps['kinds'],
    quiet: quietHours([], 'UTC'),
    clock,
    options: {
      budgetMs: 8,
      saveEveryMs: 3,
      claimMs: 1_000,
      pauseMs: 60_000,
      maxSweepMs: 24 * 60 * MINUTE,
      limits: { maxDuty: 1, maxEvictionsPerSecond: 1_000, maxLatencyMs: 50 },
      ...options,
    },
  };
  return self;
}

/** The host and the timer: delivers until the run is closed; a message whose work item crashed comes again. */
export async function untilClosed(it: World, limit = 500): Promise<SweepRecord> {
  const readRun = () => memoryRead<SweepRecord>(it, sweepRecordName('sessions'));
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
      const { outcome } = await runWorkItem(message, it);
      if (['finished', 'gone', 'dropped'].includes(outcome)) await finishSweep('sessions', it);
    });
    if (!done) it.waiting.push({ ...message, delaySeconds: 30 });
  }
  throw new Error('the run never ended');
}

export async function survive(work: () => Promise<unknown>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error: unknown) {
    if (error instanceof Crash) return false;
    throw error;
  }
}

/** Reads without a step. */
export async function memoryRead<T>(it: World, name: string): Promise<T | undefined> {
  for (;;) {
    try {
      return (await it.records.read<T>(name))?.value;
    } catch (error: unknown) {
      if (!(error instanceof Crash)) throw error;
    }
  }
}

export const unfixed = (it: World) => [...it.servers.values()].flatMap(({ keys }) => keys).filter((has) => !has).length;
