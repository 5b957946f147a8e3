import { Cluster, Redis } from 'ioredis';
import { type RunningCluster, type RunningRedis, signedIn, startRedisCluster } from '../../local/servers';
import type { RedisHandle } from '../../src/redis';
import { redisFor, rig, runSweep, settingsFor } from './drive';

let cluster: RunningCluster;
let client: Cluster;
let nodes: Redis[];
let redis: RedisHandle;
let settings: ReturnType<typeof settingsFor>;

beforeAll(async () => {
  cluster = await startRedisCluster({ masters: 3 });
  client = new Cluster(
    cluster.nodes.map(({ host, port }) => ({ host, port })),
    signedIn('admin'),
  );
  nodes = cluster.nodes.map(({ adminUrl }) => new Redis(adminUrl));
  const environment = cluster.environments.app;
  redis = redisFor(environment);
  settings = settingsFor(environment);
});

afterAll(async () => {
  await redis.close();
  client.disconnect();
  for (const node of nodes) node.disconnect();
  await cluster.stop();
});

beforeEach(async () => {
  await Promise.all(nodes.map((node) => node.flushall()));
});

async function fill(sessions: number, foreign: number): Promise<void> {
  const all: Promise<unknown>[] = [];
  for (let index = 0; index < sessions; index += 1) {
    all.push(index % 4 === 0 ? client.set(`sess:${index}`, '{}') : client.set(`sess:${index}`, '{}', 'EX', 5_000));
  }
  for (let index = 0; index < foreign; index += 1) all.push(client.set(`foreign:${index}`, '1'));
  await Promise.all(all);
}

async function withoutTtl(pattern: string): Promise<string[]> {
  const found: string[] = [];
  for (const node of nodes) {
    for (const key of await node.keys(pattern)) if ((await node.ttl(key)) === -1) found.push(key);
  }
  return found;
}

const byWorkItems = { options: { budgetMs: 1, saveEveryMs: 1 } };

test.each(['script', 'commands'])(
  'three masters are walked at once, exactly, with foreign keys untouched (%s)',
  async (way) => {
    await fill(4_000, 2_000);
    const deps = rig(redis, { ...settings, SWEEP_PAGES: way as 'script' });
    const summary = await runSweep('sessions', deps);
    expect(summary).toMatchObject({ shards: 3, examined: 6_000, faults: [] });
    expect(summary.figures).toMatchObject({ matched: 4_000, missing: 1_000, given: 1_000 });
    expect(await withoutTtl('sess:*')).toEqual([]);
    expect(await withoutTtl('foreign:*')).toHaveLength(2_000);
  },
);

/** Moves a slot with its keys, as a resharding does: MIGRATE key by key, then the slot's new owner is announced to all. */
async function moveSlot(slot: number, from: number, to: number, { finish = true } = {}): Promise<void> {
  const [source, target] = [nodes[from]!, nodes[to]!];
  const ids = await Promise.all(nodes.map((node) => node.call('CLUSTER', 'MYID') as Promise<string>));
  await target.call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', ids[from]!);
  await source.call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', ids[to]!);
  const keys = (await source.call('CLUSTER', 'GETKEYSINSLOT', slot, 10_000)) as string[];
  const moving = finish ? keys : keys.slice(0, Math.ceil(keys.length / 2));
  if (moving.length > 0) await migrate(source, cluster.nodes[to]!, moving);
  if (finish) await endMove(slot, to);
}

async function migrate(source: Redis, { host, port, adminUrl }: RunningRedis, keys: readonly string[]): Promise<void> {
  const { password } = new URL(adminUrl);
  await source.call('MIGRATE', host, port, '', 0, 5_000, 'AUTH', password, 'KEYS', ...keys);
}

async function endMove(slot: number, to: number): Promise<void> {
  const id = (await nodes[to]!.call('CLUSTER', 'MYID')) as string;
  for (const node of [nodes[to]!, ...nodes]) await node.call('CLUSTER', 'SETSLOT', slot, 'NODE', id);
}

const slotOf = async (key: string) => Number(await client.call('CLUSTER', 'KEYSLOT', key));

test('slots that move during a sweep: no session is left without a TTL', async () => {
  await fill(6_000, 500);
  // One slot full of sessions, so that what moves matters.
  await Promise.all(Array.from({ length: 500 }, (_, index) => client.set(`sess:{moved}:${index}`, '{}')));
  const slot = await slotOf('sess:{moved}:0');
  const owner = Math.min(2, Math.floor(slot / (16_384 / 3)));
  const heir = (owner + 1) % 3;
  let workItems = 0;
  const summary = await runSweep('sessions', rig(redis, settings, byWorkItems), {
    onWorkItem: async () => {
      workItems += 1;
      if (workItems === 4) await moveSlot(slot, owner, heir);
    },
  });
  expect(workItems).toBeGreaterThan(4);
  expect(summary.rescans).toBeGreaterThanOrEqual(1);
  expect(summary.faults).toEqual([]);
  expect(await withoutTtl('sess:*')).toEqual([]);
  expect(await withoutTtl('foreign:*')).toHaveLength(500);
  await moveSlot(slot, heir, owner);
});

test.each(['script', 'commands'])('a slot whose keys are half moved is swept on both sides (%s)', async (way) => {
  await fill(500, 100);
  await Promise.all(Array.from({ length: 200 }, (_, index) => client.set(`sess:{half}:${index}`, '{}')));
  const slot = await slotOf('sess:{half}:0');
  const owner = Math.min(2, Math.floor(slot / (16_384 / 3)));
  const heir = (owner + 1) % 3;
  await moveSlot(slot, owner, heir, { finish: false });
  expect(await nodes[heir]!.keys('sess:{half}:*')).toHaveLength(100);
  const deps = rig(redis, { ...settings, SWEEP_PAGES: way as 'script' });
  const summary = await runSweep('sessions', deps);
  expect(summary.figures).toMatchObject({ given: 325 });
  const keys = (await nodes[owner]!.call('CLUSTER', 'GETKEYSINSLOT', slot, 1_000)) as string[];
  await migrate(nodes[owner]!, cluster.nodes[heir]!, keys);
  await endMove(slot, heir);
  expect(await withoutTtl('sess:*')).toEqual([]);
  await moveSlot(slot, heir, owner);
});
