import { setTimeout as sleep } from 'node:timers/promises';
import { bentocachePeer, cacheablePeer, cacheManagerPeer, cachifiedPeer, type Peer } from '../cache/peers';
import { benchRedis, ours } from '../cache/servers';
import { slowProxy, timed } from '../outage/faults';
import { DEADLINE_MS, LIMIT_MS, LOAD_MS } from '../outage/limits';
import { atMost, type BenchResult, median, type Scenario } from '../types';

type Subject = Omit<Peer, 'remove'>;
type Fault = 'refused' | 'frozen' | 'slow' | 'killed';
const faults: readonly Fault[] = ['refused', 'frozen', 'slow', 'killed'];

async function load(): Promise<string> {
  await sleep(LOAD_MS);
  return 'loaded';
}

const own = async (url: string): Promise<Subject> => {
  const { cache, close } = ours({ REDIS_URL: url }, { deadlineMs: DEADLINE_MS });
  return { name: 'ours', get: (key, loader) => cache.get(key, loader), close };
};

/** A cold read with Redis refused, frozen, slow or killed under traffic; then, for ours, the open breaker and the return. */
export const scenario: Scenario = {
  name: 'outage',
  async run(args): Promise<BenchResult> {
    const makers = args.includes('--ours') ? [] : [bentocachePeer, cacheablePeer, cachifiedPeer, cacheManagerPeer];
    const figures: Record<string, number> = {};
    const peers: Record<string, number> = {};
    for (const fault of faults) {
      // The worst of a few: each on a fresh server and a fresh client, with the breaker still closed.
      const own3: number[] = [];
      for (let turn = 0; turn < 3; turn += 1) own3.push(await suffer(own, fault));
      figures[`${fault}Ms`] = Math.max(...own3) - DEADLINE_MS - LOAD_MS;
      for (const make of makers)
        peers[`${make.name.replace('Peer', '')}${capital(fault)}Ms`] = await suffer(make, fault);
    }
    const { openOverheadMs, recoveryMs } = await breaker();
    Object.assign(figures, { openOverheadMs, recoveryMs });
    return {
      scenario: 'outage',
      figures,
      peers,
      ratios: {},
      bars: [
        ...faults.map((fault) => atMost(`figures.${fault}Ms`, figures[`${fault}Ms`] ?? Number.NaN, 20)),
        atMost('figures.openOverheadMs', openOverheadMs, 1),
        atMost('figures.recoveryMs', recoveryMs, 1_000),
      ],
    };
  },
};

const capital = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1);

/** What a cold read takes, in ms; the limit if it was not answered by then, or was rejected. */
async function suffer(make: (url: string) => Promise<Subject>, fault: Fault): Promise<number> {
  const redis = await benchRedis();
  const proxy = await slowProxy(redis.url);
  let subject: Subject | undefined;
  let traffic = true;
  try {
    subject = await make(proxy.url);
    const { get } = subject;
    for (let turn = 0; turn < 5; turn += 1) await get(`outage:warm:${turn}`, load);
    const busy =
      fault === 'killed'
        ? Array.from({ length: 8 }, async (_, index) => {
            for (let turn = 0; traffic; turn += 1) {
              await timed(() => get(`outage:busy:${index}:${turn % 50}`, load), LIMIT_MS);
            }
          })
        : [];
    if (fault === 'killed') await sleep(100);
    if (fault === 'frozen') await redis.server.kill('SIGSTOP');
    if (fault === 'slow') proxy.setDelay(200);
    if (fault === 'refused' || fault === 'killed') await redis.server.kill('SIGKILL');
    if (fault === 'refused') await sleep(50);
    const { ms, answered } = await timed(() => get('outage:cold:1', load), LIMIT_MS);
    traffic = false;
    await Promise.race([Promise.all(busy), sleep(LIMIT_MS)]);
    return answered ? ms : LIMIT_MS;
  } finally {
    traffic = false;
    await redis.server.kill('SIGCONT').catch(() => {});
    await proxy.stop();
    await Promise.race([subject?.close().catch(() => {}), sleep(2_000)]);
    await redis.stop();
  }
}

/** What the open breaker adds to a load, and how soon after Redis' return a hit comes from it again. */
async function breaker(): Promise<{ openOverheadMs: number; recoveryMs: number }> {
  const redis = await benchRedis();
  const { cache, close } = ours(redis.environment, { deadlineMs: DEADLINE_MS });
  try {
    await cache.set('outage:back:1', 'cached');
    await redis.server.kill('SIGSTOP');
    for (let turn = 0; turn < 12; turn += 1) await cache.get(`outage:open:${turn}`, load);
    const overheads: number[] = [];
    for (let turn = 0; turn < 200; turn += 1) {
      const { ms } = await timed(() => cache.get(`outage:over:${turn}`, () => 'at once'), LIMIT_MS);
      overheads.push(ms);
      if (turn % 20 === 0) await sleep(20);
    }
    await redis.server.kill('SIGCONT');
    const returned = performance.now();
    while ((await cache.get('outage:back:1', () => 'loaded')) !== 'cached') {
      if (performance.now() - returned > LIMIT_MS) break;
      await sleep(2);
    }
    return { openOverheadMs: median(overheads), recoveryMs: performance.now() - returned };
  } finally {
    await redis.server.kill('SIGCONT').catch(() => {});
    await close();
    await redis.stop();
  }
}
