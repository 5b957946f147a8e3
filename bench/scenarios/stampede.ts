import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { bentocachePeer, cacheManagerPeer, cachifiedPeer } from '../cache/peers';
import { benchRedis, ours } from '../cache/servers';
import { stampedeWorker } from '../stampede/worker';
import { atMost, type BenchResult, median, type Scenario } from '../types';

const PROCESSES = 4;
const CALLERS = 250;
const ROUNDS = 10;
const FAILING = 40;

interface Report {
  readonly loads: number;
  readonly wrong: number;
  readonly ms: number;
}

/** Many callers of one expired key: in several processes, and in one with a loader that fails. */
export const scenario: Scenario = {
  name: 'stampede',
  async run(): Promise<BenchResult> {
    const redis = await benchRedis();
    const children: ChildProcess[] = [];
    try {
      for (let index = 0; index < PROCESSES; index += 1) children.push(await startWorker(redis.url));
      const loads: number[] = [];
      const slowest: number[] = [];
      for (let round = 0; round < ROUNDS; round += 1) {
        const answers = children.map((child) => once(child, 'message') as Promise<[Report]>);
        for (const child of children) child.send({ key: `stampede:key:${round}` });
        const reports = (await Promise.all(answers)).map(([one]) => one);
        if (reports.some(({ wrong }) => wrong > 0)) throw new Error('a caller got another value than the loaded one');
        loads.push(reports.reduce((sum, one) => sum + one.loads, 0));
        slowest.push(Math.max(...reports.map(({ ms }) => ms)));
      }
      const own = ours(redis.environment, { deadlineMs: 5_000 });
      const failing = await failed((key, load) => own.cache.get(key, load));
      await own.close();
      const peers: Record<string, number> = {};
      for (const make of [bentocachePeer, cachifiedPeer, cacheManagerPeer]) {
        const peer = await make(redis.url);
        peers[`${peer.name}FailedLoads`] = (await failed((key, load) => peer.get(key, load))).loads;
        await peer.close();
      }
      const worst = Math.max(...loads);
      return {
        scenario: 'stampede',
        figures: {
          loads: worst,
          callers: PROCESSES * CALLERS,
          slowestCallerMs: median(slowest),
          failedLoads: failing.loads,
          distinctErrors: failing.errors,
        },
        peers,
        ratios: {},
        bars: [
          atMost('figures.loads', worst, 1),
          atMost('figures.failedLoads', failing.loads, 1),
          atMost('figures.distinctErrors', failing.errors, 1),
        ],
      };
    } finally {
      for (const child of children) child.kill();
      await redis.stop();
    }
  },
};

/** Forty callers at once of a loader that takes 20 ms and fails. */
async function failed(get: (key: string, load: () => Promise<unknown>) => Promise<unknown>) {
  let loads = 0;
  const load = async () => {
    loads += 1;
    await sleep(20);
    throw new Error('the source is down');
  };
  const errors = await Promise.all(
    Array.from({ length: FAILING }, () =>
      get('stampede:failing:1', load).then(
        () => undefined,
        (error) => error,
      ),
    ),
  );
  return { loads, errors: new Set(errors).size };
}

async function startWorker(url: string): Promise<ChildProcess> {
  const child = fork(__filename, [], { env: { ...process.env, STAMPEDE: JSON.stringify({ url, callers: CALLERS }) } });
  await once(child, 'message');
  return child;
}

if (process.env.STAMPEDE !== undefined && process.send !== undefined) void stampedeWorker();
