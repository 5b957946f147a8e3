import { writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { Redis } from 'ioredis';
import { startRedis, startRedisCluster } from '../../local/servers';
import { runSweepHere } from '../../src/hygiene/engine/run-here';
import type { SweepSummary } from '../../src/hygiene/records/sweep-record';
import { silentLogger } from '../../src/logger';
import { createRedis } from '../../src/redis';
import { readSettings } from '../../src/settings';
import { countUnfixed, fill, unfix } from '../sweep/data';
import { beForeground, FOREGROUND, type Foreground, type Measured, startForeground } from '../sweep/foreground';
import { bareLuaLoop, scanAndPipelines, storyLoop } from '../sweep/peers';
import { sweepPicture } from '../sweep/picture';
import { atLeast, atMost, type Bar, type BenchResult, median, type Scenario } from '../types';

/** Peers are measured at this size; more keys only make them slower. */
const BASE = 1_000_000;
/** Ours and the bare loop take turns, so that a noisy neighbour meets both. */
const ROUNDS = 3;
const IDLE_MS = 3_000;
const STORY_SAMPLE = 20_000;
const DEFAULT_DUTY = 0.1;

if (process.argv[2] === FOREGROUND) void beForeground(process.argv[3] ?? '', process.argv[4] ?? '');

/**
 * The sessions sweep over `--keys` sessions (1,000,000), a tenth without a TTL, beside what else could be done.
 * `--picture <file.svg>` draws it.
 */
export const scenario: Scenario = {
  name: 'sweep',
  async run(args): Promise<BenchResult> {
    const keys = keysOf(args);
    const base = Math.min(keys, BASE);
    const server = await startRedis();
    const client = new Redis(server.adminUrl);
    const foreground = await startForeground(__filename, server.adminUrl, 'sess:1');
    try {
      await fill(client, 0, base);
      const one = await measure(client, server.adminUrl, foreground, base);
      const grown = keys > base ? await grow(client, server.adminUrl, foreground, base, keys) : undefined;
      const threeMastersKeysPerSecond = await threeMasters(base);
      const threeMastersOverOne = threeMastersKeysPerSecond / one.figures.keysPerSecond;
      // Three servers and a sweeper at once need cores of their own.
      const hasCores = availableParallelism() >= 4;
      const result: BenchResult = {
        scenario: 'sweep',
        figures: { keys, ...one.figures, ...grown?.figures, threeMastersKeysPerSecond },
        peers: one.peers,
        ratios: { ...one.ratios, threeMastersOverOne },
        bars: [
          ...one.bars,
          ...(grown?.bars ?? []),
          ...(hasCores ? [atLeast('ratios.threeMastersOverOne', threeMastersOverOne, 1.5)] : []),
        ],
      };
      const picture = args.indexOf('--picture');
      if (picture >= 0) await writeFile(args[picture + 1] ?? 'sweep.svg', sweepPicture(result));
      return result;
    } finally {
      foreground.stop();
      client.disconnect();
      await server.stop();
    }
  },
};

type Swept = Measured<{ readonly summary: SweepSummary; readonly rate: number }>;
type Rated = Measured<number>;

const keysPerPage = ({ result: { summary } }: Swept) => Math.round(summary.examined / summary.pages);

async function measure(client: Redis, url: string, foreground: Foreground, keys: number) {
  const rest = () => foreground.during(() => new Promise((resolve) => setTimeout(resolve, IDLE_MS)));
  await rest(); // a reader that has just been started is slow itself
  const idle = (await rest()).waits;
  const ours: Swept[] = [];
  const all: Swept[] = [];
  const bare: number[] = [];
  const story: Rated[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    await unfix(client, keys, 10);
    const swept = await foreground.during(() => sweep({ REDIS_URL: url }, 1));
    ours.push(swept);
    await mustBeFixed(client, keys);
    await unfix(client, keys, 10);
    bare.push((await foreground.during(() => bareLuaLoop(client, keysPerPage(swept)))).result);
    await unfix(client, keys, 1);
    all.push(await foreground.during(() => sweep({ REDIS_URL: url }, 1)));
    await mustBeFixed(client, keys);
  }
  const rssMb = memoryMb(); // before a peer reads a million names into this process
  await unfix(client, keys, 10);
  const throttled = await foreground.during(() => sweep({ REDIS_URL: url }, DEFAULT_DUTY));
  await unfix(client, keys, 10);
  const piped = await foreground.during(() => scanAndPipelines(client, 1_000));
  for (let round = 0; round < ROUNDS; round += 1) {
    await unfix(client, keys, 10);
    story.push(await foreground.during(() => storyLoop(client, STORY_SAMPLE)));
  }

  const keysPerSecond = median(ours.map(({ result }) => result.rate));
  const storyKeysPerSecond = median(story.map(({ result }) => result));
  const figures = {
    keysPerSecond,
    keysPerPage: median(ours.map(keysPerPage)),
    foregroundIdleP99Ms: idle.p99,
    foregroundIdleWorstMs: idle.worst,
    foregroundP99Ms: median(ours.map(({ waits }) => waits.p99)),
    worstStallMs: median(ours.map(({ waits }) => waits.worst)),
    allToFixKeysPerSecond: median(all.map(({ result }) => result.rate)),
    allToFixForegroundP99Ms: median(all.map(({ waits }) => waits.p99)),
    allToFixWorstStallMs: median(all.map(({ waits }) => waits.worst)),
    defaultDutyKeysPerSecond: throttled.result.rate,
    foregroundOverIdleMs: throttled.waits.p99 - idle.p99,
    sweeperMemoryMb: rssMb,
  };
  const peers = {
    storyKeysPerSecond,
    storyWorstStallMs: median(story.map(({ waits }) => waits.worst)),
    pipelinesKeysPerSecond: piped.result,
    pipelinesForegroundP99Ms: piped.waits.p99,
    pipelinesWorstStallMs: piped.waits.worst,
    bareLuaKeysPerSecond: median(bare),
  };
  const ratios = {
    overStory: keysPerSecond / storyKeysPerSecond,
    overPipelines: keysPerSecond / piped.result,
    overLimit: median(ours.map(({ result }, round) => result.rate / (bare[round] ?? Number.NaN))),
  };
  const bars: Bar[] = [
    atLeast('ratios.overStory', ratios.overStory, 30),
    atLeast('ratios.overLimit', ratios.overLimit, 0.95),
    atMost('figures.foregroundP99Ms', figures.foregroundP99Ms, 1.5),
    atMost('figures.worstStallMs', figures.worstStallMs, 8),
    atMost('figures.allToFixForegroundP99Ms', figures.allToFixForegroundP99Ms, 1.5),
    atMost('figures.allToFixWorstStallMs', figures.allToFixWorstStallMs, 8),
    atMost('figures.foregroundOverIdleMs', figures.foregroundOverIdleMs, 0.3),
    atMost('figures.sweeperMemoryMb', figures.sweeperMemoryMb, 150),
  ];
  return { figures, peers, ratios, bars };
}

/** The same again with more keys: time must grow with them, memory must not. */
async function grow(client: Redis, url: string, foreground: Foreground, base: number, keys: number) {
  await unfix(client, base, 10);
  const small = await sweep({ REDIS_URL: url }, 1);
  const smallMb = memoryMb();
  await fill(client, base, keys);
  await unfix(client, base, 10);
  const large = await foreground.during(() => sweep({ REDIS_URL: url }, 1));
  const largeMb = memoryMb();
  await mustBeFixed(client, keys);
  const timePerKey = small.rate / large.result.rate;
  return {
    figures: {
      largeKeysPerSecond: large.result.rate,
      largeSeconds: keys / large.result.rate,
      largeForegroundP99Ms: large.waits.p99,
      largeWorstStallMs: large.waits.worst,
      largeMemoryMb: largeMb,
      memoryGrowthMb: largeMb - smallMb,
      timePerKeyOverSmall: timePerKey,
    },
    bars: [
      atMost('figures.largeMemoryMb', largeMb, 150),
      atMost('figures.memoryGrowthMb', largeMb - smallMb, 20),
      atMost('figures.timePerKeyOverSmall', timePerKey, 1.3),
    ],
  };
}

/** Three masters with a third of the keys each, swept at once. */
async function threeMasters(keys: number): Promise<number> {
  const cluster = await startRedisCluster({ masters: 3 });
  const clients = cluster.nodes.map((node) => new Redis(node.adminUrl));
  try {
    for (const client of clients) await fill(client, 0, keys);
    const { rate } = await sweep(cluster.environments.admin, 1);
    return rate;
  } finally {
    for (const client of clients) client.disconnect();
    await cluster.stop();
  }
}

/** One sweep by the engine, as the command line runs it. */
async function sweep(target: Record<string, string>, duty: number) {
  const settings = readSettings({ SWEEP_DUTY: `${duty}`, ...target });
  const redis = createRedis({ settings, logger: silentLogger, role: 'bench' });
  try {
    await redis.nodes('masters', 'sessions');
    const began = performance.now();
    const summary: SweepSummary = await runSweepHere({ redis, settings, sweep: 'sessions', dryRun: false });
    return { summary, rate: (summary.examined * 1_000) / (performance.now() - began) };
  } finally {
    await redis.close();
  }
}

async function mustBeFixed(client: Redis, keys: number): Promise<void> {
  const unfixed = await countUnfixed(client, keys);
  if (unfixed > 0) throw new Error(`After the sweep ${unfixed} sessions still have no TTL`);
}

/** Of this process, which is the sweeper; what earlier phases left behind is collected first. */
function memoryMb(): number {
  globalThis.gc?.();
  return process.memoryUsage().rss / 2 ** 20;
}

function keysOf(args: readonly string[]): number {
  const at = args.indexOf('--keys');
  const keys = at < 0 ? BASE : Number(args[at + 1]);
  if (!Number.isInteger(keys) || keys < 10_000) throw new Error(`Expected --keys from 10000 up, got ${args[at + 1]}`);
  return keys;
}
