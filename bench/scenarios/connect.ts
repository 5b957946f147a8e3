import { Redis } from 'ioredis';
import { startRedis, startRedisCluster, startSentinels } from '../../local/servers';
import { certificateFor } from '../../local/servers/certificates';
import { silentLogger } from '../../src/logger';
import { createRedis, defineScript, type RedisHandle } from '../../src/redis';
import { readSettings } from '../../src/settings';
import { atMost, type BenchResult, median, type Scenario } from '../types';

const COLD_RUNS = 30;
const CALLERS = 64;
const LOAD_MS = 1_500;
const ROUNDS = 3;

const touch = defineScript<number>('bench-touch', {
  keys: 1,
  writes: true,
  lua: "redis.call('SET', KEYS[1], 1) return 1",
});

type Environment = Readonly<Record<string, string>>;

function open(environment: Environment, role = 'bench'): RedisHandle {
  const settings = readSettings({ REDIS_DEADLINE_MS: '10000', ...environment });
  return createRedis({ settings, logger: silentLogger, role });
}

/** From nothing to the answer of a first script that writes: connecting, signing in, the node's time, the script. */
async function coldMs(environment: Environment): Promise<number> {
  const times: number[] = [];
  for (let run = 0; run < COLD_RUNS; run += 1) {
    const began = performance.now();
    const redis = open(environment);
    await redis.run('cache', touch, ['cache:{bench}'], []);
    times.push(performance.now() - began);
    await redis.close();
  }
  return median(times);
}

/** The same by ioredis alone: connecting and a SET. */
async function bareColdMs(url: string): Promise<number> {
  const times: number[] = [];
  for (let run = 0; run < COLD_RUNS; run += 1) {
    const began = performance.now();
    const redis = new Redis(url);
    await redis.set('cache:{bench}', 1);
    times.push(performance.now() - began);
    redis.disconnect();
  }
  return median(times);
}

async function getsPerSecond(get: () => Promise<unknown>): Promise<number> {
  const end = performance.now() + LOAD_MS;
  let count = 0;
  const caller = async () => {
    while (performance.now() < end) {
      await get();
      count += 1;
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, caller));
  return (count * 1_000) / LOAD_MS;
}

async function connections(environment: Environment): Promise<number> {
  const redis = open(environment, 'counted');
  await redis.ready(5_000);
  const list = String(await redis.client('cache').call('CLIENT', 'LIST'));
  await redis.close();
  return list.split('name=cache-steward:counted:').length - 1;
}

export const scenario: Scenario = {
  name: 'connect',
  async run(): Promise<BenchResult> {
    const tlsDir = await certificateFor(['localhost']);
    const [plain, secure] = [await startRedis(), await startRedis({ tlsDir })];
    const cluster = await startRedisCluster({ masters: 3 });
    const set = await startSentinels();
    const secured = {
      REDIS_URL: secure.adminUrl.replace('127.0.0.1', 'localhost'),
      REDIS_TLS_CA_FILE: `${tlsDir}/ca.pem`,
    };
    const one = { REDIS_SESSIONS_DB: '0', REDIS_CACHE_DB: '0', REDIS_WORK_DB: '0' };
    const [ours, tls, bare] = [open({ REDIS_URL: plain.adminUrl }), open(secured), new Redis(plain.adminUrl)];
    try {
      await coldMs({ REDIS_URL: plain.adminUrl }); // the code is warm from here on
      const cold = {
        standalone: await coldMs({ REDIS_URL: plain.adminUrl }),
        tls: await coldMs(secured),
        sentinel: await coldMs(set.environments.admin),
        cluster: await coldMs(cluster.environments.admin),
        bare: await bareColdMs(plain.adminUrl),
      };
      await Promise.all([ours.ready(5_000), tls.ready(5_000)]);
      const rates: Record<'ours' | 'tls' | 'bare', number[]> = { ours: [], tls: [], bare: [] };
      for (let round = 0; round < ROUNDS; round += 1) {
        const [oursClient, tlsClient] = [ours.client('cache'), tls.client('cache')];
        rates.ours.push(await getsPerSecond(() => oursClient.get('cache:{bench}')));
        rates.tls.push(await getsPerSecond(() => tlsClient.get('cache:{bench}')));
        rates.bare.push(await getsPerSecond(() => bare.get('cache:{bench}')));
      }
      const perSecond = { ours: median(rates.ours), tls: median(rates.tls), bare: median(rates.bare) };
      const threeStores = await connections({ REDIS_URL: plain.adminUrl });
      return {
        scenario: 'connect',
        figures: {
          coldStandaloneMs: cold.standalone,
          coldTlsMs: cold.tls,
          coldSentinelMs: cold.sentinel,
          coldClusterMs: cold.cluster,
          getsPerSecond: perSecond.ours,
          getsPerSecondTls: perSecond.tls,
          connectionsThreeDatabases: threeStores,
          connectionsOneDatabase: await connections({ REDIS_URL: plain.adminUrl, ...one }),
        },
        peers: { bareColdMs: cold.bare, bareGetsPerSecond: perSecond.bare },
        ratios: {
          coldOverBare: cold.standalone / cold.bare,
          tlsOverPlain: perSecond.tls / perSecond.ours,
          getsOverBare: perSecond.ours / perSecond.bare,
        },
        bars: [atMost('figures.connectionsThreeDatabases', threeStores, 3)],
      };
    } finally {
      bare.disconnect();
      await Promise.all([ours.close(), tls.close()]);
      await Promise.all([plain.stop(), secure.stop(), cluster.stop(), set.stop()]);
    }
  },
};
