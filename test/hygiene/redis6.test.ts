import { Redis } from 'ioredis';
import { type RunningRedis, startRedis } from '../../local/servers';
import { findRedis6 } from '../../local/servers/redis6';
import { censusReport } from '../../src/hygiene/census/census-report';
import type { CensusFindings } from '../../src/hygiene/census/census-tally';
import type { RedisHandle } from '../../src/redis';
import { redisFor, rig, runSweep, settingsFor } from './drive';

/** Premium's version, with the commands away that Premium hides: no EXPIRE NX, no CONFIG. */
const HIDDEN = ['ACL', 'BGREWRITEAOF', 'BGSAVE', 'CONFIG', 'DEBUG', 'MIGRATE', 'REPLICAOF', 'SAVE', 'SHUTDOWN'];

let server: RunningRedis | undefined;
let client: Redis;
let redis: RedisHandle;

beforeAll(async () => {
  const program = await findRedis6();
  if (!program) {
    console.warn('skipped: Redis 6.0 could not be had here');
    return;
  }
  server = await startRedis({ program, args: HIDDEN.flatMap((command) => ['--rename-command', command, '']) });
  client = new Redis(server.adminUrl);
  redis = redisFor({ REDIS_URL: server.appUrl });
}, 180_000);

afterAll(async () => {
  await redis?.close();
  client?.disconnect();
  await server?.stop();
});

test.each(['script', 'commands'])('Redis 6.0 is swept, counted and reclaimed like any other (%s)', async (way) => {
  if (!server) return;
  await client.flushall();
  expect(await client.info('server')).toContain('redis_version:6.0');
  await client.mset(Object.fromEntries(Array.from({ length: 1_000 }, (_, index) => [`sess:${index}`, '{}'])));
  await client.set('sess:long', '{}', 'EX', 400 * 86_400);
  await client.mset({ 'app:1': 'x', 'app:2': 'x' });
  const settings = settingsFor({ REDIS_URL: server.appUrl, SWEEP_PAGES: way });
  const sessions = await runSweep('sessions', rig(redis, settings));
  expect(sessions).toMatchObject({ examined: 1_003, faults: [], figures: { given: 1_000, capped: 1 } });
  expect(await client.ttl('sess:999')).toBeGreaterThan(0);
  expect(await client.ttl('app:1')).toBe(-1);
  const census = await runSweep('census', rig(redis, settings));
  expect(census.figures).toMatchObject({ keys: 1_003, keysWithoutTtl: 0 });
  const { groups } = censusReport(census.findings as CensusFindings);
  expect(groups).toMatchObject([
    { label: 'sessions', keys: 1_001 },
    { label: '(no access)', keys: 2 },
  ]);
  expect(groups[0]?.memory?.bytes).toBeGreaterThan(50_000);
  expect((await runSweep('reclaim', rig(redis, settings))).figures).toMatchObject({ entries: 0 });
});
