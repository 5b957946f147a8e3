import { performance } from 'node:perf_hooks';
import { startAzurite, startPglite, startPostgres, startRedis } from '../../local/servers';
import { readSettings } from '../../src/settings';
import { storageClients } from '../../src/storage/clients';
import { atLeast, atMost, type BenchResult, quantile, type Scenario } from '../types';
import { measureBurst } from '../write-behind/burst';
import { benchJournal } from '../write-behind/journal';
import { fullLoad, steadyLoad } from '../write-behind/loads';
import { measureMemory } from '../write-behind/memory';
import { measureFlush } from './flush';

const CALLERS = 512;
const WARM_MS = 1_000;
const MEASURED_MS = 5_000;
const STEADY_PER_SECOND = 1_000;

/**
 * Write-behind from end to end: the scenario `flush`; the lag in a burst and after it; what an acknowledgement by the
 * journal costs, at full load and at a steady thousand a second; memory over a million writes. Storage is Azurite, a new
 * one for each part. Without a PostgreSQL for this machine the burst goes to PGlite, and `flush` is left out.
 */
export const scenario: Scenario = { name: 'write-behind', run };

async function run(): Promise<BenchResult> {
  const { flush, burst } = await onDatabase();
  const full = await withAzurite((storage) => acknowledgements(storage, 'full', atFullLoad));
  const steady = await withAzurite((storage) => acknowledgements(storage, 'steady', atSteadyLoad));
  const { one, many } = await withAzurite(bareSends);
  const { firstMb, lastMb } = await withAzurite(measureMemory);
  const p99Ms = quantile(steady.latencies, 0.99);
  return {
    scenario: 'write-behind',
    figures: {
      acknowledgedPerSecond: full.perSecond,
      fullP50Ms: quantile(full.latencies, 0.5),
      fullP99Ms: quantile(full.latencies, 0.99),
      fullMessagesPerSecond: full.messagesPerSecond,
      p50Ms: quantile(steady.latencies, 0.5),
      p99Ms,
      steadyPerSecond: steady.perSecond,
      steadyMessagesPerSecond: steady.messagesPerSecond,
      heapAfter100000Mb: firstMb,
      heapAfter1000000Mb: lastMb,
      heapGrowthMb: lastMb - firstMb,
      ...burst,
      ...flush?.figures,
    },
    peers: { messageAWritePerSecond: many, messageAWriteOneCallerPerSecond: one, ...flush?.peers },
    ratios: { overMessageAWrite: full.perSecond / many, ...flush?.ratios },
    bars: [
      atLeast('figures.acknowledgedPerSecond', full.perSecond, 60_000),
      atMost('figures.p99Ms', p99Ms, 25),
      atMost('figures.heapGrowthMb', lastMb - firstMb, 10),
      ...(flush?.bars ?? []),
    ],
  };
}

async function withAzurite<T>(work: (connection: string) => Promise<T>): Promise<T> {
  const azurite = await startAzurite();
  try {
    return await work(azurite.connectionString);
  } finally {
    await azurite.stop();
  }
}

async function onDatabase() {
  const postgres = await startPostgres();
  const [database, redis] = await Promise.all([postgres ?? startPglite(), startRedis()]);
  try {
    const flush = postgres && (await withAzurite((storage) => measureFlush(postgres.url, redis.adminUrl, storage)));
    const burst = await withAzurite((storage) =>
      measureBurst({ database: database.url, redis: redis.adminUrl, storage }),
    );
    return { burst, flush };
  } finally {
    await Promise.all([database.stop(), redis.stop()]);
  }
}

type Append = () => Promise<number>;

async function acknowledgements(
  connection: string,
  name: string,
  load: (append: Append, ms: number) => Promise<number[]>,
) {
  const journal = benchJournal(connection, name);
  await load(journal.append, WARM_MS);
  const before = journal.messages();
  const started = performance.now();
  const latencies = await load(journal.append, MEASURED_MS);
  const seconds = (performance.now() - started) / 1_000;
  const messagesPerSecond = (journal.messages() - before) / seconds;
  await journal.close();
  return { perSecond: latencies.length / seconds, messagesPerSecond, latencies };
}

async function atFullLoad(append: Append, ms: number): Promise<number[]> {
  const end = performance.now() + ms;
  const latencies: number[] = [];
  const one = async () => latencies.push(await append());
  await fullLoad(CALLERS, one, () => performance.now() >= end);
  return latencies;
}

async function atSteadyLoad(append: Append, ms: number): Promise<number[]> {
  return Promise.all(await steadyLoad(STEADY_PER_SECOND, ms, append));
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
    const send = async () => {
      await queue.sendMessage(body);
      sent++;
    };
    await fullLoad(callers, send, () => performance.now() >= end);
    return (sent / (performance.now() - started)) * 1_000;
  };
  return { one: await rate(1), many: await rate(32) };
}
