import { type RunningRedis, startRedis, startRedisCluster } from '../../local/servers';
import {
  type CredentialSource,
  createRedis,
  entraCredentials,
  keyCredentials,
  type RedisHandle,
} from '../../src/redis';
import { Directory, USER } from './directory';
import { recordingLogger, redisSettings } from './recorder';
import { bump, peek } from './scripts';

const unheard = jest.spyOn(console, 'error');

const opened: RedisHandle[] = [];

function open(credentials: CredentialSource, environment: Record<string, string>) {
  const recorder = recordingLogger();
  const redis = createRedis({
    settings: redisSettings({ REDIS_DEADLINE_MS: '10000', ...environment }),
    logger: recorder.logger,
    role: 'test',
    credentials,
  });
  opened.push(redis);
  return { redis, ...recorder };
}

/** Commands one after the other from several callers until `done`; gives how many there were, or throws. */
async function load(redis: RedisHandle, done: () => boolean): Promise<number> {
  let count = 0;
  const caller = async (id: number) => {
    while (!done()) {
      const key = `cache:load:${id}:${count % 50}`;
      await redis.run('cache', bump, [key], [1]);
      await redis.within(redis.client('sessions').get(key));
      count += 1;
    }
  };
  await Promise.all(Array.from({ length: 8 }, (_, id) => caller(id)));
  return count;
}

afterEach(async () => {
  await Promise.all(opened.splice(0).map((redis) => redis.close()));
});
afterAll(() => expect(unheard).not.toHaveBeenCalled());

describe('one server', () => {
  let server: RunningRedis;
  let directory: Directory;
  beforeAll(async () => {
    server = await startRedis();
    directory = new Directory([server]);
  });
  afterAll(async () => {
    directory.end();
    await server.stop();
  });

  test('tokens rotate under load without one failed command, the subscriber’s connection included', async () => {
    const before = directory.issued.length;
    const source = entraCredentials({ objectId: USER, tokens: directory.tokens(600) });
    const { redis } = open(source, { REDIS_URL: server.appUrl });
    const subscriber = redis.dedicated('work', 'subscriber');
    await subscriber.subscribe('cache:news');
    const signedIn = await directory.signIns();
    const rotated = () => directory.issued.length - before >= 5;
    expect(await load(redis, rotated)).toBeGreaterThan(0);
    // At least three renewals are through, on the connections of two stores and the subscriber's.
    expect((await directory.signIns()) - signedIn).toBeGreaterThanOrEqual(3 * 3);
    const received = new Promise((resolve) => subscriber.once('message', (_, message) => resolve(message)));
    await redis.client('work').publish('cache:news', 'still here');
    expect(await received).toBe('still here');
    expect(redis.events).toMatchObject({ error: 0, end: 0, reconnecting: 0 });
  });

  test('a connection that was closed comes back with the newest token', async () => {
    const source = entraCredentials({ objectId: USER, tokens: directory.tokens(600) });
    const { redis } = open(source, { REDIS_URL: server.appUrl });
    await redis.ready();
    const before = directory.issued.length;
    while (directory.issued.length < before + 3) await redis.within(redis.client('cache').get('cache:x'));
    await directory.closeConnections();
    expect(await redis.run('cache', peek, ['cache:came-back'], [])).toBeNull();
    expect(await redis.run('cache', bump, ['cache:came-back'], [1])).toBe(1);
  });

  test('where signing in again is refused, the connections are replaced, and what is under way ends first', async () => {
    await directory.passwords('one');
    let reads = 0;
    const source: CredentialSource = {
      async read(refused) {
        reads += 1;
        // Refused on the connections there are, and good for those that come after them.
        if (refused === 'two') await directory.passwords('one', 'two');
        const renewAt = Date.now() + (reads === 1 ? 300 : 60_000);
        return { username: USER, password: reads === 1 ? 'one' : 'two', renewAt };
      },
    };
    const { redis } = open(source, { REDIS_URL: server.appUrl });
    await redis.ready();
    const { ready } = redis.events;
    expect(await load(redis, () => redis.events.ready >= ready + 2)).toBeGreaterThan(0);
    expect(reads).toBe(3);
    expect(redis.events).toMatchObject({ error: 0, end: 0 });
  });

  test('an access key is changed in the vault, and taken up without an error', async () => {
    const vault = new Map([['primary', 'key-one']]);
    await directory.passwords('key-one');
    const store = { getSecret: async (name: string) => vault.get(name) ?? Promise.reject(new Error(`no ${name}`)) };
    const { redis } = open(keyCredentials({ store, names: ['primary'], username: USER, rereadMs: 200 }), {
      REDIS_URL: server.appUrl,
    });
    await redis.ready();
    const signedIn = await directory.signIns();
    await directory.passwords('key-one', 'key-two');
    vault.set('primary', 'key-two');
    let changed = false;
    const watching = (async () => {
      while ((await directory.signIns()) < signedIn + 3) await new Promise((resolve) => setTimeout(resolve, 20));
      await directory.passwords('key-two');
      changed = true;
    })();
    expect(await load(redis, () => changed)).toBeGreaterThan(0);
    await watching;
    await directory.closeConnections();
    expect(await redis.run('cache', peek, ['cache:rotated'], [])).toBeNull();
    expect(await redis.run('cache', bump, ['cache:rotated'], [1])).toBe(1);
  });

  test('a key that is renewed without notice: WRONGPASS reads the vault again, and then the secondary serves', async () => {
    const vault = new Map([
      ['primary', 'first'],
      ['secondary', 'second'],
    ]);
    await directory.passwords('first', 'second');
    const store = { getSecret: async (name: string) => vault.get(name) ?? '' };
    const { redis } = open(keyCredentials({ store, names: ['primary', 'secondary'], username: USER }), {
      REDIS_URL: server.appUrl,
    });
    expect(await redis.run('cache', bump, ['cache:secondary'], [1])).toBe(1);
    await directory.passwords('first-renewed', 'second');
    await directory.closeConnections();
    // Callers whose script may be repeated see nothing of it, neither of the closed connection nor of the refused key.
    expect(await redis.run('cache', peek, ['cache:secondary'], [])).toBe('1');
    expect(await redis.run('cache', bump, ['cache:secondary'], [1])).toBe(2);
    vault.set('primary', 'first-renewed');
    await directory.passwords('first-renewed');
    await directory.closeConnections();
    expect(await redis.run('cache', peek, ['cache:secondary'], [])).toBe('2');
    expect(await redis.run('cache', bump, ['cache:secondary'], [1])).toBe(3);
  });

  test('where sign-in is refused for good, the line says WRONGPASS and shows no password', async () => {
    const store = { getSecret: async () => 'hunter2-canary' };
    const { redis, lines } = open(keyCredentials({ store, names: ['primary'], username: USER }), {
      REDIS_URL: server.appUrl,
      REDIS_DEADLINE_MS: '800',
    });
    await expect(redis.run('cache', bump, ['cache:x'], [1])).rejects.toMatchObject({
      code: 'E_REDIS_UNAVAILABLE',
      message: expect.stringContaining('WRONGPASS'),
    });
    expect(JSON.stringify(lines)).not.toContain('hunter2-canary');
  });

  test('with the vault unavailable, the line says so; when it is back, so is Redis', async () => {
    let unavailable = true;
    await directory.passwords('vault-key');
    const store = {
      getSecret: async () => {
        if (unavailable) throw new Error('the vault is down');
        return 'vault-key';
      },
    };
    const { redis } = open(keyCredentials({ store, names: ['primary'], username: USER }), {
      REDIS_URL: server.appUrl,
      REDIS_DEADLINE_MS: '1000',
    });
    await expect(redis.within(redis.client('cache').get('cache:x'))).rejects.toMatchObject({
      code: 'E_REDIS_UNAVAILABLE',
      message: 'no credentials for Redis: the vault is down',
    });
    await expect(redis.run('cache', bump, ['cache:x'], [1])).rejects.toMatchObject({ code: 'E_REDIS_UNAVAILABLE' });
    unavailable = false;
    expect(await redis.run('cache', bump, ['cache:vault-back'], [1])).toBe(1);
  });
});

test('on a cluster every node’s connection is signed in again, and new ones with the newest token', async () => {
  const cluster = await startRedisCluster({ masters: 3 });
  const directory = new Directory(cluster.nodes);
  try {
    const source = entraCredentials({ objectId: USER, tokens: directory.tokens(600) });
    const { redis } = open(source, cluster.environments.app);
    const rotated = () => directory.issued.length >= 5;
    expect(await load(redis, rotated)).toBeGreaterThan(0);
    expect(redis.events.error).toBe(0);
    await directory.closeConnections();
    for (const key of ['a', 'b', 'c', 'd'])
      expect(await redis.run('cache', peek, [`cache:again:${key}`], [])).toBeNull();
    const connections = (await directory.all('CLIENT', 'LIST')).join('\n').split('\n');
    const ours = connections.filter((line) => line.includes('name=cache-steward:test:'));
    expect(ours.length).toBeGreaterThan(0);
    for (const line of ours) expect(line).toContain(`user=${USER}`);
  } finally {
    await Promise.all(opened.splice(0).map((redis) => redis.close()));
    directory.end();
    await cluster.stop();
  }
});
