import { join } from 'node:path';
import { startRedis, startRedisCluster } from '../../local/servers';
import { certificateFor } from '../../local/servers/certificates';
import { createRedis, type RedisHandle } from '../../src/redis';
import { recordingLogger, redisSettings } from './recorder';
import { bump } from './scripts';

const handles: RedisHandle[] = [];
const unheard = jest.spyOn(console, 'error');
let tlsDir: string;

function open(environment: Record<string, string>) {
  const recorder = recordingLogger();
  const redis = createRedis({
    settings: redisSettings({ REDIS_TLS_CA_FILE: join(tlsDir, 'ca.pem'), ...environment }),
    logger: recorder.logger,
    role: 'test',
  });
  handles.push(redis);
  return redis;
}

beforeAll(async () => {
  // As the service does it: the certificate names the host alone, while nodes are announced by address.
  tlsDir = await certificateFor(['localhost']);
});
afterEach(async () => {
  await Promise.all(handles.splice(0).map((handle) => handle.close()));
});
afterAll(() => expect(unheard).not.toHaveBeenCalled());

test('one server: its certificate must be the authority’s and carry the name that was asked for', async () => {
  const server = await startRedis({ tlsDir });
  try {
    const url = (host: string) => server.appUrl.replace('127.0.0.1', host);
    expect(await open({ REDIS_URL: url('localhost') }).run('cache', bump, ['cache:tls'], [1])).toBe(1);

    const impatient = { REDIS_DEADLINE_MS: '1000' };
    const address = open({ ...impatient, REDIS_URL: url('127.0.0.1') });
    await expect(address.run('cache', bump, ['cache:tls'], [1])).rejects.toMatchObject({
      code: 'E_REDIS_UNAVAILABLE',
      message: expect.stringContaining("IP: 127.0.0.1 is not in the cert's list"),
    });
    const stranger = open({ ...impatient, REDIS_URL: url('localhost'), REDIS_TLS_CA_FILE: '' });
    await expect(stranger.run('cache', bump, ['cache:tls'], [1])).rejects.toMatchObject({
      code: 'E_REDIS_UNAVAILABLE',
      message: expect.stringMatching(/unable to verify|self-signed/),
    });
  } finally {
    await server.stop();
  }
});

test('a cluster whose nodes are announced by address is verified by the host’s name, subscribers too', async () => {
  const cluster = await startRedisCluster({ masters: 3, tlsDir });
  try {
    const [node] = cluster.nodes;
    const redis = open({ REDIS_URL: `${node?.appUrl.replace('127.0.0.1', 'localhost')}`, REDIS_MODE: 'cluster' });
    const nodes = await redis.nodes('masters');
    expect(nodes.map(({ address }) => address).sort()).toEqual([...cluster.addresses].sort());
    for (const key of ['a', 'b', 'c', 'd', 'e', 'f'])
      expect(await redis.run('cache', bump, [`cache:${key}`], [1])).toBe(1);

    const subscriber = redis.dedicated('work', 'subscriber');
    await subscriber.subscribe('cache:news');
    const received = new Promise((resolve) => subscriber.once('message', (_, message) => resolve(message)));
    await redis.client('work').publish('cache:news', 'hello');
    expect(await received).toBe('hello');
    await redis.close();

    const unnamed = open({ ...cluster.environments.app, REDIS_URL: `${node?.appUrl}` });
    await expect(unnamed.ready(1_000)).rejects.toMatchObject({
      code: 'E_REDIS_UNAVAILABLE',
      message: expect.stringContaining("is not in the cert's list"),
    });
    await unnamed.close();
  } finally {
    await cluster.stop();
  }
});
