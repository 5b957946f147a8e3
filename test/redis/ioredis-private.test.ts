import { once } from 'node:events';
import { Cluster, Redis } from 'ioredis';
import { type RunningCluster, type RunningRedis, startRedis, startRedisCluster } from '../../local/servers';
import { offlineQueueOf, rejectAll, rejectUnanswered, subscriberOf } from '../../src/redis/connection/ioredis-private';

// What src/redis needs of ioredis beyond its documented interface. A new version of ioredis is tried here first.

const clients: (Redis | Cluster)[] = [];
function opened<T extends Redis | Cluster>(client: T): T {
  clients.push(client.on('error', () => {}));
  return client;
}
afterEach(() => {
  for (const client of clients.splice(0)) client.disconnect();
});

/** Nobody listens on port 1, and the next attempt is far away. */
const nowhere = { host: '127.0.0.1', port: 1 };
const unconnected = {
  'one server': () => opened(new Redis({ ...nowhere, retryStrategy: () => 60_000, maxRetriesPerRequest: null })),
  'a cluster': () => opened(new Cluster([nowhere], { clusterRetryStrategy: () => 60_000 })),
};

describe.each(Object.entries(unconnected))('without a connection to %s', (_, make) => {
  test('commands wait in the queue, oldest first, and one that is taken from it is not sent', async () => {
    const client = make();
    const first = client.get('a');
    void client.set('b', 'c').catch(() => {});
    const queue = offlineQueueOf(client);
    expect(queue.length).toBe(2);
    expect(queue.peekFront()?.command.name).toBe('get');
    queue.shift()?.command.reject(new Error('expired'));
    await expect(first).rejects.toThrow('expired');
    expect(queue.peekFront()?.command.name).toBe('set');
    rejectAll(client);
  });

  test('rejectAll rejects every command that waits', async () => {
    const client = make();
    const waiting = [client.get('a'), client.get('b')];
    rejectAll(client);
    for (const one of waiting) await expect(one).rejects.toThrow('Connection is closed.');
    expect(offlineQueueOf(client).length).toBe(0);
  });
});

test('rejectUnanswered leaves the commands that wait', async () => {
  const client = unconnected['one server']();
  void client.get('a').catch(() => {});
  rejectUnanswered(client);
  expect(offlineQueueOf(client).length).toBe(1);
  rejectAll(client);
});

describe('with servers', () => {
  let server: RunningRedis;
  let cluster: RunningCluster;
  beforeAll(async () => {
    [server, cluster] = await Promise.all([startRedis(), startRedisCluster({ masters: 3 })]);
  });
  afterAll(() => Promise.all([server.stop(), cluster.stop()]));

  test('rejectUnanswered rejects the commands that were sent', async () => {
    const client = opened(new Redis(server.adminUrl));
    await client.ping();
    const blocked = client.blpop('nothing', 0);
    rejectUnanswered(client);
    await expect(blocked).rejects.toThrow('Connection is closed.');
  });

  const connect = () => {
    const { username, password } = new URL((cluster.nodes[0] as RunningRedis).adminUrl);
    const startupNodes = cluster.nodes.map(({ host, port }) => ({ host, port }));
    return opened(new Cluster(startupNodes, { lazyConnect: true, redisOptions: { username, password } }));
  };

  test('subscriberOf is the connection that receives messages', async () => {
    const client = connect();
    await client.subscribe('channel');
    const subscriber = subscriberOf(client);
    expect(subscriber?.status).toBe('ready');
    const message = once(subscriber as Redis, 'message');
    await client.publish('channel', 'hello');
    expect(await message).toEqual(['channel', 'hello']);
  });

  test('a node is announced before it connects, so that its password can still be replaced', async () => {
    const client = connect();
    const states: string[] = [];
    client.on('+node', (node: Redis) => states.push(node.status));
    await client.connect();
    expect(states.length).toBeGreaterThanOrEqual(3);
    expect(new Set(states)).toEqual(new Set(['wait']));
  });
});
