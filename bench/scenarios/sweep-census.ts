import { Redis } from 'ioredis';
import { startRedis } from '../../local/servers';
import { censusReport } from '../../src/hygiene/census/census-report';
import type { CensusFindings } from '../../src/hygiene/census/census-tally';
import { runSweepHere } from '../../src/hygiene/engine/run-here';
import { silentLogger } from '../../src/logger';
import { createRedis } from '../../src/redis';
import { readSettings } from '../../src/settings';
import { atMost, type BenchResult, type Scenario } from '../types';

const BATCH = 20_000;

/** Entries of three entities, sessions, a foreign app's hashes: sizes from a few bytes to a few KB. */
const FILL = `
  for i = tonumber(ARGV[1]), tonumber(ARGV[2]) - 1 do
    local kind, size = i % 10, (i * 7919) % 600
    if i % 1000 == 7 then size = size * 20 end
    if kind < 4 then redis.call('SET', 'cache:{user:profile:' .. i .. '}', string.rep('v', size), 'EX', 600 + i % 9000)
    elseif kind < 6 then redis.call('SET', 'cache:{product:catalog:' .. i .. '}', string.rep('v', 2 * size), 'EX', 90000)
    elseif kind < 9 then redis.call('SET', 'sess:' .. i, string.rep('s', size), 'EX', 86400)
    else redis.call('HSET', 'app:' .. i, 'a', i, 'b', string.rep('h', size % 100)) end
  end`;

/** The exact answer, by asking for every key: keys, keys without a TTL, bytes. */
const EXACT = `
  local keys, without, bytes = 0, 0, 0
  local batch = redis.call('SCAN', ARGV[1], 'COUNT', 5000)
  for _, key in ipairs(batch[2]) do
    keys = keys + 1
    if redis.call('TTL', key) == -1 then without = without + 1 end
    bytes = bytes + redis.call('MEMORY', 'USAGE', key)
  end
  return { batch[1], keys, without, bytes }`;

/** A census of `--keys` keys that nobody touches (1,000,000), beside the exact answer. */
export const scenario: Scenario = {
  name: 'sweep-census',
  async run(args): Promise<BenchResult> {
    const at = args.indexOf('--keys');
    const keys = at < 0 ? 1_000_000 : Number(args[at + 1]);
    const server = await startRedis();
    const client = new Redis(server.adminUrl);
    const settings = readSettings({
      REDIS_URL: server.adminUrl,
      REDIS_CACHE_DB: '0',
      REDIS_WORK_DB: '0',
      SWEEP_DUTY: '1',
    });
    const redis = createRedis({ settings, logger: silentLogger, role: 'bench' });
    try {
      for (let from = 0; from < keys; from += BATCH) await client.eval(FILL, 0, from, Math.min(keys, from + BATCH));
      const exact = await countExactly(client);
      await redis.nodes('masters', 'sessions');
      const began = performance.now();
      const summary = await runSweepHere({ redis, settings, sweep: 'census', dryRun: false });
      const seconds = (performance.now() - began) / 1_000;
      const { total } = censusReport(summary.findings as CensusFindings);
      const { bytes = Number.NaN, errorBytes = Number.NaN, measuredKeys = 0 } = total.memory ?? {};
      const keysWrong = Math.abs(total.keys - exact.keys) + Math.abs(total.withoutTtl - exact.without);
      const errorOverBound = Math.abs(bytes - exact.bytes) / errorBytes;
      return {
        scenario: 'sweep-census',
        figures: {
          keys: total.keys,
          keysWithoutTtl: total.withoutTtl,
          keysPerSecond: total.keys / seconds,
          measuredShare: measuredKeys / total.keys,
          bytes,
          boundShare: errorBytes / bytes,
          errorShare: Math.abs(bytes - exact.bytes) / exact.bytes,
          keysWrong,
          errorOverBound,
        },
        peers: { exactKeys: exact.keys, exactWithoutTtl: exact.without, exactBytes: exact.bytes },
        ratios: {},
        bars: [atMost('figures.keysWrong', keysWrong, 0), atMost('figures.errorOverBound', errorOverBound, 1)],
      };
    } finally {
      await redis.close();
      client.disconnect();
      await server.stop();
    }
  },
};

async function countExactly(client: Redis): Promise<{ keys: number; without: number; bytes: number }> {
  const sum = { keys: 0, without: 0, bytes: 0 };
  let cursor = '0';
  do {
    const batch = (await client.eval(EXACT, 0, cursor)) as [string, number, number, number];
    cursor = batch[0];
    sum.keys += batch[1];
    sum.without += batch[2];
    sum.bytes += batch[3];
  } while (cursor !== '0');
  return sum;
}
