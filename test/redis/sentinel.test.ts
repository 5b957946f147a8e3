import { type RunningSentinels, startSentinels } from '../../local/servers';
import { certificateFor } from '../../local/servers/certificates';
import { createRedis, type RedisHandle } from '../../src/redis';
import { recordingLogger, redisSettings } from './recorder';
import { bump, peek } from './scripts';

let set: RunningSentinels;
let redis: RedisHandle;
const unheard = jest.spyOn(console, 'error');
const recorder = recordingLogger();

beforeAll(async () => {
  set = await startSentinels({ tlsDir: await certificateFor(['localhost']) });
  redis = createRedis({
    settings: redisSettings({ ...set.environments.app, REDIS_DEADLINE_MS: '30000' }),
    logger: recorder.logger,
    role: 'test',
  });
});
afterAll(async () => {
  await redis?.close();
  await set?.stop();
  expect(unheard).not.toHaveBeenCalled();
});

const portOf = (address: string) => Number(address.split(':')[1]);

test('the primary is found through the sentinels, over TLS and with both passwords', async () => {
  expect(redis.mode).toBe('sentinel');
  expect(await redis.run('cache', bump, ['cache:found'], [1])).toBe(1);
  const [node] = await redis.nodes('masters');
  expect(portOf(node?.address ?? '')).toBe(set.servers[0]?.port);
});

test('all nodes are the primary and its replicas, each reached by itself', async () => {
  const nodes = await redis.nodes('all');
  expect(nodes.map(({ role }) => role)).toEqual(['master', 'replica', 'replica']);
  expect(nodes.map(({ address }) => portOf(address)).sort()).toEqual(set.servers.map(({ port }) => port).sort());
  for (const { client, role } of nodes) {
    expect(await redis.within(client.info('replication'))).toContain(role === 'master' ? 'role:master' : 'role:slave');
  }
});

test('a sentinel’s end disturbs nobody: its connection is made again, and nothing is printed', async () => {
  const [sentinel] = set.sentinels;
  await sentinel?.kill('SIGKILL');
  expect(await redis.run('cache', bump, ['cache:disturbed'], [1])).toBe(1);
  await sentinel?.restart();
});

test('a primary killed is followed by a replica, and callers within their deadline see no error', async () => {
  const before = await set.primary();
  const dead = set.servers.find(({ port }) => port === portOf(before));
  await redis.client('cache').wait(1, 1_000);
  await dead?.kill('SIGKILL');
  expect(await redis.run('cache', peek, ['cache:found'], [])).toBe('1');
  expect(await redis.run('cache', bump, ['cache:found'], [1])).toBe(2);
  const after = await set.primary();
  expect(after).not.toBe(before);
  expect((await redis.nodes('masters')).map(({ address }) => portOf(address))).toEqual([portOf(after)]);
  await dead?.restart();
});

test('asked to fail over, the old primary takes no more writes and the client moves on', async () => {
  const before = await set.primary();
  await redis.run('cache', bump, ['cache:asked'], [1]);
  // The one that was killed has to be a replica again before a sentinel agrees.
  const end = Date.now() + 30_000;
  let answer = '';
  while (answer !== 'OK' && Date.now() < end) answer = await set.failover().catch((error: Error) => error.message);
  expect(answer).toBe('OK');
  while ((await set.primary()) === before && Date.now() < end) await new Promise((resolve) => setTimeout(resolve, 50));
  // On a busy machine a sentinel may fail over once more meanwhile: what counts is whom they name at the end.
  const hasMoved = async () => {
    const [node] = await redis.nodes('masters').catch(() => []);
    const named = await set.primary();
    return named !== before && node !== undefined && portOf(node.address) === portOf(named);
  };
  let moved = await hasMoved();
  while (!moved && Date.now() < end) {
    await redis.run('cache', bump, ['cache:asked'], [1]).catch(() => undefined);
    moved = await hasMoved();
  }
  expect(moved).toBe(true);
  expect(await redis.run('cache', bump, ['cache:moved'], [1])).toBe(1);
});
