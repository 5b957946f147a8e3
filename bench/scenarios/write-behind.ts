import { performance } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { startAzurite } from '../../local/servers';
import { systemClock } from '../../src/clock';
import { versionAt } from '../../src/entities/version';
import { silentLogger } from '../../src/logger';
import { readSettings } from '../../src/settings';
import { storageClients } from '../../src/storage/clients';
import { createStorageQueueJournal } from '../../src/write-behind';
import { atLeast, atMost, type BenchResult, quantile, type Scenario } from '../types';

const CALLERS = 512;
const WARM_MS = 1_000;
const MEASURED_MS = 5_000;
const STEADY_PER_SECOND = 1_000;

/** What an acknowledgement by the journal costs, through Azurite: at full load, and at a steady thousand a second. */
export const scenario: Scenario = { name: 'write-behind', run };

async function run(): Promise<BenchResult> {
  const azurite = await startAzurite();
  try {
    const full = await measure(azurite.connectionString, 'full', fullLoad);
    const steady = await measure(azurite.connectionString, 'steady', steadyLoad);
    const { one, many } = await bareSends(azurite.connectionString);
    return {
      scenario: 'write-behind',
      figures: {
        acknowledgedPerSecond: full.perSecond,
        fullP50Ms: quantile(full.latencies, 0.5),
        fullP99Ms: quantile(full.latencies, 0.99),
        p50Ms: quantile(steady.latencies, 0.5),
        p99Ms: quantile(steady.latencies, 0.99),
        steadyPerSecond: steady.perSecond,
        steadyMessagesPerSecond: steady.messagesPerSecond,
        fullMessagesPerSecond: full.messagesPerSecond,
        heapGrowthMb: full.heapGrowthMb,
      },
      peers: { messageAWritePerSecond: many, messageAWriteOneCallerPerSecond: one },
      ratios: { overMessageAWrite: full.perSecond / many },
      bars: [
        atLeast('figures.acknowledgedPerSecond', full.perSecond, 60_000),
        atMost('figures.p99Ms', quantile(steady.latencies, 0.99), 25),
      ],
    };
  } finally {
    await azurite.stop();
  }
}

type Append = () => Promise<number>;
interface Measured {
  readonly perSecond: number;
  readonly messagesPerSecond: number;
  readonly heapGrowthMb: number;
  readonly latencies: readonly number[];
}

async function measure(
  connection: string,
  name: string,
  load: (append: Append, ms: number) => Promise<number[]>,
): Promise<Measured> {
  const settings = readSettings({ AzureWebJobsStorage: connection, WRITE_BEHIND_QUEUE: `bench-${name}` });
  let messages = 0;
  const counters = {
    add: (counter: string) => {
      if (counter === 'journal_messages') messages++;
    },
    set: () => {},
    flush: async () => {},
  };
  const ports = { settings, counters, storage: storageClients(settings), logger: silentLogger, clock: systemClock };
  const journal = createStorageQueueJournal(ports);
  let n = 0;
  const append: Append = async () => {
    n++;
    const write = {
      ...{ entity: 'bench:row', key: `bench:row:${n % 100_000}`, acceptedAt: Date.now() },
      version: versionAt(Date.now() * 1_000 + (n % 1_000), 0),
      value: JSON.stringify({ name: `row ${n}`, text: 'x'.repeat(140), n, list: [1, 2, 3] }),
    };
    const started = performance.now();
    await journal.append(write);
    return performance.now() - started;
  };
  await load(append, WARM_MS);
  global.gc?.();
  const heap = process.memoryUsage().heapUsed;
  messages = 0;
  const started = performance.now();
  const latencies = await load(append, MEASURED_MS);
  const seconds = (performance.now() - started) / 1_000;
  global.gc?.();
  const heapGrowthMb = (process.memoryUsage().heapUsed - heap - latencies.length * 8) / 1_048_576;
  await journal.close();
  return { perSecond: latencies.length / seconds, messagesPerSecond: messages / seconds, heapGrowthMb, latencies };
}

async function fullLoad(append: Append, ms: number): Promise<number[]> {
  const end = performance.now() + ms;
  const latencies: number[] = [];
  const caller = async () => {
    while (performance.now() < end) latencies.push(await append());
  };
  await Promise.all(Array.from({ length: CALLERS }, caller));
  return latencies;
}

/** Writes at their own pace, whether or not the one before has been answered: a slow journal can't slow its load. */
async function steadyLoad(append: Append, ms: number): Promise<number[]> {
  const started = performance.now();
  const under: Promise<number>[] = [];
  for (let due = 0; due < ms; ) {
    const elapsed = performance.now() - started;
    for (; due <= elapsed && due < ms; due += 1_000 / STEADY_PER_SECOND) under.push(append());
    await pause(1);
  }
  return Promise.all(under);
}

/** The same queue with a message for each write. */
async function bareSends(connection: string): Promise<{ one: number; many: number }> {
  const storage = storageClients(readSettings({ AzureWebJobsStorage: connection }));
  const queue = await storage.queue('bench-bare');
  const body = Buffer.from('x'.repeat(220)).toString('base64');
  const rate = async (callers: number) => {
    const end = performance.now() + 2_000;
    let sent = 0;
    const started = performance.now();
    await Promise.all(
      Array.from({ length: callers }, async () => {
        while (performance.now() < end) {
          await queue.sendMessage(body);
          sent++;
        }
      }),
    );
    return (sent / (performance.now() - started)) * 1_000;
  };
  return { one: await rate(1), many: await rate(32) };
}
