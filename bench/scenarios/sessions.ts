import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { startRedis } from '../../local/servers';
import { type Visitors, visitors } from '../sessions/browsers';
import { serve, type Which } from '../sessions/sites';
import { atLeast, type BenchResult, median, type Scenario } from '../types';

export { serve };

const VISITORS = 32;

type Turn = Awaited<ReturnType<Visitors['browse']>>;

/**
 * Requests a second through express-session with this store and with connect-redis: the same app, rolling cookies,
 * logged-in visitors, nine reads to a change; each in a process of its own, in turns, on one Redis.
 * `sessions [rounds] [seconds a turn]`.
 */
export const scenario: Scenario = {
  name: 'sessions',
  async run(args): Promise<BenchResult> {
    const [rounds = 21, seconds = 0.8] = args.map(Number);
    const redis = await startRedis();
    const processes: ChildProcess[] = [];
    try {
      const sites = {} as Record<Which, Awaited<ReturnType<typeof visitors>>>;
      for (const which of ['ours', 'connectRedis'] as const) {
        const { child, port } = await start(which, redis.adminUrl);
        processes.push(child);
        sites[which] = await visitors(port, VISITORS);
      }
      const turns: Record<Which, Turn>[] = [];
      for (let round = -1; round < rounds; round += 1) {
        // Who goes first changes, so that neither profits from the order.
        const order: Which[] = round % 2 ? ['ours', 'connectRedis'] : ['connectRedis', 'ours'];
        const turn = {} as Record<Which, Turn>;
        for (const which of order) turn[which] = await sites[which].browse(seconds * 1_000);
        if (round >= 0) turns.push(turn); // the first warms up
      }
      const middle = (of: (turn: Record<Which, Turn>) => number) => median(turns.map(of));
      const overConnectRedis = middle((turn) => turn.ours.requestsPerSecond / turn.connectRedis.requestsPerSecond);
      return {
        scenario: 'sessions',
        figures: {
          requestsPerSecond: middle(({ ours }) => ours.requestsPerSecond),
          cpuMicrosPerRequest: middle(({ ours }) => ours.cpuMicrosPerRequest),
        },
        peers: {
          connectRedisRequestsPerSecond: middle(({ connectRedis }) => connectRedis.requestsPerSecond),
          connectRedisCpuMicrosPerRequest: middle(({ connectRedis }) => connectRedis.cpuMicrosPerRequest),
        },
        ratios: {
          overConnectRedis,
          cpuOverConnectRedis: middle((turn) => turn.ours.cpuMicrosPerRequest / turn.connectRedis.cpuMicrosPerRequest),
        },
        bars: [atLeast('ratios.overConnectRedis', overConnectRedis, 1)],
      };
    } finally {
      for (const child of processes) child.kill();
      await redis.stop();
    }
  },
};

async function start(which: Which, redisUrl: string): Promise<{ child: ChildProcess; port: number }> {
  const script = `require(${JSON.stringify(__filename)}).serve(${JSON.stringify(which)}, ${JSON.stringify(redisUrl)})`;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(child.stdout as NonNullable<typeof child.stdout>, 'data')) as [Buffer];
  return { child, port: Number(line.toString()) };
}
