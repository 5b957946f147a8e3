import { Redis } from 'ioredis';
import { type Bounds, check, type Stale } from '../../../bench/history/check';
import { Conductor, type RoundOptions } from '../../../bench/history/conductor';
import type { ReadDone, WriteDone } from '../../../bench/history/plan';
import { startHistoryServers } from '../../../bench/history/servers';
import { physicalKey } from '../../../src/entities/key';
import { slotOf } from '../../../src/redis/slot';
import { buildHistoryWorker } from '../history-worker';
import { until } from '../rig';

const BOUNDS: Bounds = { generationMs: 101, localMs: 251 };

const offsetIn = (info: string, name: string) => Number(new RegExp(`${name}:(\\d+)`).exec(info)?.[1]);
/** Whether the first of three masters has it. */
const isOnLost = (physical: string) => slotOf(physical) * 3 < 16_384;
/** An entity whose tag generations survive, so that its surviving keys can be judged. */
const ENTITY = Array.from({ length: 100 }, (_, index) => `history:failover${index}`).find(
  (name) => ![`{p:${name}:}`, `{t:${name}.even}`, `{t:${name}.odd}`].some(isOnLost),
) as string;
const ROUND = { entity: ENTITY, keys: 24, operations: 600, concurrency: 8 };

test('a replica without the last invalidations is promoted in mid-traffic: they are issued again', async () => {
  const seed = Math.floor(Math.random() * 2 ** 32);
  const worker = await buildHistoryWorker();
  const servers = await startHistoryServers('cluster', {
    replicas: 1,
    args: ['--cluster-require-full-coverage', 'no'],
  });
  const master = servers.nodes[0]!;
  const clients = [master, servers.nodes[3]!].map(({ adminUrl }) => new Redis(adminUrl, { retryStrategy: null }));
  for (const client of clients) client.on('error', () => {});
  const [old, heir] = clients as [Redis, Redis];
  const conductor = await Conductor.start({
    ...{ script: worker.script, processes: 3, environment: servers.environment, entities: [ENTITY] },
    // Long lives: what was not issued again would stay.
    ...{ epochCacheMs: 100, deadlineMs: 1_000, ttlSeconds: 3_600, localBoundMs: 250 },
  });
  const writes: WriteDone[] = [];
  let rounds = 0;
  async function play(options: Partial<RoundOptions> = {}): Promise<Stale[]> {
    rounds += 1;
    const history = await conductor.round({ ...ROUND, ...options, seed: seed + rounds });
    writes.push(...history.writes);
    return [...check({ reads: history.reads, writes }, BOUNDS).stale];
  }
  const clean = { seed, stale: [] };
  try {
    expect({ seed, stale: await play() }).toEqual(clean);

    // From now on the replica follows no more, and what is answered is in one place alone.
    const reached = offsetIn(await old.info('replication'), 'master_repl_offset');
    await until(async () => offsetIn(await heir.info('replication'), 'slave_repl_offset') >= reached);
    await heir.config('SET', 'masteruser', 'nobody', 'masterauth', 'wrong');
    await old.call('CLIENT', 'KILL', 'TYPE', 'replica');
    expect({ seed, stale: await play({ acts: ['delete', 'set'] }) }).toEqual(clean);

    await master.kill('SIGKILL');
    // On a few keys invalidations fail now; the others are only read, until all are as the source has them.
    const during = await play({ acts: ['delete', 'set'], keys: 6 });
    const isPromoted = async () => /role:master/.test(await heir.info('replication'));
    for (const end = Date.now() + 30_000; !(await isPromoted()); ) {
      expect(Date.now()).toBeLessThan(end);
      during.push(...(await play({ acts: [] })));
    }
    await until(async () => {
      const { reads } = await conductor.round({ ...ROUND, acts: [], seed });
      during.push(...check({ reads, writes }, BOUNDS).stale);
      const isOld = ({ key, value }: ReadDone) => value < (conductor.source.get(key) ?? 0);
      return new Set(reads.map(({ key }) => key)).size === ROUND.keys && !reads.some(isOld);
    }, 20_000);
    // What the two others hold was never in doubt.
    expect({ seed, stale: during.filter(({ key }) => !isOnLost(physicalKey(key))) }).toEqual(clean);
    for (let round = 0; round < 2; round += 1) expect({ seed, stale: await play() }).toEqual(clean);
  } finally {
    for (const client of clients) if (client.status !== 'end') client.disconnect();
    await conductor.stop();
    await servers.stop();
    await worker.remove();
  }
}, 120_000);
