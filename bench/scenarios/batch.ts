import { Cluster, Redis } from 'ioredis';
import { signedIn } from '../../local/servers';
import { slotOf } from '../../src/redis/slot';
import { benchCluster, benchRedis, ours } from '../cache/servers';
import { atLeast, type BenchResult, median, type Scenario } from '../types';

const KEYS = 1_000;

const value = { id: 123, name: 'Ada Lovelace', email: 'ada@example.com', roles: ['reader', 'writer'], active: true };

/** `getMany` of a thousand keys beside a bare pipeline, grouped by node on a cluster. */
export const scenario: Scenario = {
  name: 'batch',
  async run(args): Promise<BenchResult> {
    const rounds = args.includes('--quick') ? 15 : 60;
    const keys = Array.from({ length: KEYS }, (_, index) => `user:profile:${index}`);
    const text = JSON.stringify(value);
    const redis = await benchRedis();
    const cluster = await benchCluster();
    const closing: (() => Promise<unknown>)[] = [];
    try {
      const raw = new Redis(redis.url);
      closing.push(async () => raw.disconnect());
      const rawCluster = new Cluster(
        cluster.cluster.nodes.map(({ host, port }) => ({ host, port })),
        signedIn('admin'),
      );
      closing.push(async () => rawCluster.disconnect());
      await Promise.all(keys.map((key) => raw.set(`raw:${key}`, text)));
      await Promise.all(keys.map((key) => rawCluster.set(`raw:${key}`, text)));
      const [own, ownCluster] = [ours(redis.environment), ours(cluster.environment)];
      closing.push(own.close, ownCluster.close);
      for (const { cache } of [own, ownCluster]) await cache.setMany(keys.map((key) => ({ key, value })));

      const rawKeys = keys.map((key) => `raw:${key}`);
      const standalone = await race(
        rounds,
        async () => (await own.cache.getMany(keys)).size,
        () => pipelined(raw, rawKeys),
      );
      const byNode = groupByNode(rawCluster, rawKeys);
      const onCluster = await race(
        rounds,
        async () => (await ownCluster.cache.getMany(keys)).size,
        async () => (await Promise.all(byNode.map(([node, part]) => pipelined(node, part)))).reduce((a, b) => a + b, 0),
      );
      const ratios = { overPipelineStandalone: standalone.ratio, overPipelineCluster: onCluster.ratio };
      return {
        scenario: 'batch',
        figures: { getManyMs: standalone.ownMs, getManyClusterMs: onCluster.ownMs },
        peers: { pipelineMs: standalone.otherMs, pipelineByNodeMs: onCluster.otherMs },
        ratios,
        bars: [
          atLeast('ratios.overPipelineStandalone', ratios.overPipelineStandalone, 0.7),
          atLeast('ratios.overPipelineCluster', ratios.overPipelineCluster, 0.7),
        ],
      };
    } finally {
      for (const close of closing.reverse()) await close().catch(() => {});
      await Promise.all([redis.stop(), cluster.stop()]);
    }
  },
};

async function pipelined(client: Redis, keys: readonly string[]): Promise<number> {
  const pipeline = client.pipeline();
  for (const key of keys) pipeline.get(key);
  const results = (await pipeline.exec()) ?? [];
  return results.map(([, text]) => JSON.parse(text as string)).length;
}

function groupByNode(cluster: Cluster, keys: readonly string[]): [Redis, string[]][] {
  const nodes = new Map(cluster.nodes('master').map((node) => [`${node.options.host}:${node.options.port}`, node]));
  const groups = new Map<Redis, string[]>();
  for (const key of keys) {
    const node = nodes.get(cluster.slots[slotOf(key)]?.[0] ?? '');
    if (node === undefined) throw new Error('a slot has no known master');
    groups.set(node, [...(groups.get(node) ?? []), key]);
  }
  return [...groups];
}

/** Turn by turn, so that what the machine does meanwhile meets both. */
async function race(rounds: number, own: () => Promise<number>, other: () => Promise<number>) {
  const [ownMs, otherMs]: [number[], number[]] = [[], []];
  for (let round = -5; round < rounds; round += 1) {
    for (const [work, times] of [
      [own, ownMs],
      [other, otherMs],
    ] as const) {
      const started = performance.now();
      if ((await work()) !== KEYS) throw new Error('a batch is short of keys');
      if (round >= 0) times.push(performance.now() - started);
    }
  }
  const ratio = median(otherMs.map((ms, round) => ms / (ownMs[round] as number)));
  return { ownMs: median(ownMs), otherMs: median(otherMs), ratio };
}
