import { randomUUID } from 'node:crypto';
import { Cluster, Redis } from 'ioredis';
import { addUser, signedIn, startRedis } from '../../local/servers';
import { findRedis6 } from '../../local/servers/redis6';
import { silentLogger } from '../../src/logger';
import { createRedis } from '../../src/redis';
import { aclRules, COMMANDS } from '../../src/redis/auth/acl';
import { createSessionStore, fromIoredis, type SessionStore } from '../../src/sessions';
import { readSettings } from '../../src/settings';
import { type Kind, plain, type Rig, startRig } from './rig';

/** Everything a store does, once. */
async function exercise(store: SessionStore): Promise<void> {
  const [sid, other] = [randomUUID(), randomUUID()];
  await store.set(sid, plain({ userId: 'ann', n: 1 }));
  await store.set(other, plain({ userId: 'ann' }));
  const session = (await store.get(sid)) as never as { n: number };
  await store.touch(sid, session as never);
  const rival = (await store.get(sid)) as never;
  await store.set(sid, Object.assign(rival, { m: 1 }));
  await store.set(sid, Object.assign(session, { n: 2 }) as never);
  expect(await store.get(sid)).toMatchObject({ n: 2, m: 1 });
  expect(await store.length()).toBe(2);
  expect(await store.all()).toHaveLength(2);
  expect(await store.users.list('ann')).toHaveLength(2);
  expect(await store.users.count('ann')).toBe(2);
  await store.destroy(other);
  expect(await store.users.count('ann')).toBe(1);
  await store.revokeOthers(sid, (await store.get(sid)) as never);
  expect(await store.get(sid)).not.toBeNull();
  await store.users.revokeAll('ann');
  expect(await store.get(sid)).toBeNull();
  await store.clear();
  expect(await store.ids()).toEqual([]);
}

describe.each<Kind>(['standalone', 'cluster'])('an ioredis client that the app has already, on %s', (kind) => {
  let rig: Rig;
  beforeAll(async () => {
    rig = await startRig(kind);
  });
  afterAll(() => rig.close());

  test('serves a store, and stays the app’s to close', async () => {
    const ports = rig.nodes.map(({ port }) => port);
    const client = kind === 'cluster' ? new Cluster(ports, signedIn('web')) : new Redis(rig.nodes[0]?.webUrl ?? '');
    const store = rig.store({ redis: fromIoredis(client), touchAfter: 0 });
    await exercise(store);
    store.close();
    expect(client.status).toBe('ready');
    client.disconnect();
  });
});

describe('one server', () => {
  let rig: Rig;
  beforeAll(async () => {
    rig = await startRig('standalone');
  });
  afterAll(() => rig.close());

  test('what a failover brings back is destroyed and revoked once more', async () => {
    const store = rig.store();
    const { keys } = store.core.rules;
    const client = rig.redis.client('sessions');
    const [sid, other] = [randomUUID(), randomUUID()];
    await store.set(sid, plain({ userId: 'ann' }));
    await store.set(other, plain({ userId: 'eve' }));
    const [record, generation] = [keys.recordOf(keys.idOf(sid)), keys.loginGenerationOf('eve')];
    const before = [await client.get(record), await client.get(generation)];
    await store.destroy(sid);
    await store.users.revokeAll('eve');
    const revoked = await client.get(generation);
    // As a replica has it that was promoted before it had either.
    await client.set(record, before[0] ?? '', 'EX', 60);
    await client.set(generation, before[1] ?? '', 'EX', 60);
    expect(await store.get(sid)).toBeNull(); // this process knows
    const end = Date.now() + 20_000;
    while ((await client.exists(record)) === 1 || (await client.get(generation)) !== revoked) {
      if (Date.now() > end) throw new Error('neither was repeated');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(await rig.store({ prefix: keys.prefix, redis: rig.connect() }).get(other)).toBeNull();
  });

  test('a repeated revocation never undoes a newer one', async () => {
    const store = rig.store();
    const sid = randomUUID();
    await store.set(sid, plain({ userId: 'ann' }));
    await store.users.revokeAll('ann');
    const client = rig.redis.client('sessions');
    const key = store.core.rules.keys.loginGenerationOf('ann');
    const newer = `9000000000000000n${'a'.repeat(22)}`;
    await client.set(key, newer, 'EX', 60);
    await new Promise((resolve) => setTimeout(resolve, 1_800)); // past the first repetition
    expect(await client.get(key)).toBe(newer);
  });

  test('serializers may be asynchronous and write what is no JSON', async () => {
    const serializer = {
      stringify: (session: unknown) => Buffer.from(JSON.stringify(session)).toString('base64'),
      parse: async (text: string) => JSON.parse(Buffer.from(text, 'base64').toString()),
    };
    const store = rig.store({ serializer });
    await exercise(store);
  });

  test('ids need no hashing where that is not wanted', async () => {
    const store = rig.store({ hashIds: false });
    const sid = randomUUID();
    await store.set(sid, plain({ userId: 'ann' }));
    expect(await store.ids()).toEqual([sid]);
    expect(await rig.redis.client('sessions').exists(store.core.rules.keys.prefix + sid)).toBe(1);
    await store.clear();
    await exercise(store);
  });

  test('keys that hold a prototype’s name stay keys', async () => {
    const store = rig.store();
    const sid = randomUUID();
    const hostile = JSON.parse(`{"cookie":{"originalMaxAge":60000},"__proto__":{"admin":true},"constructor":1}`);
    await store.set(sid, hostile);
    const [mine, theirs] = [await store.get(sid), await store.get(sid)];
    await store.set(sid, Object.assign(theirs ?? {}, { a: 1 }) as never);
    await store.set(sid, Object.assign(mine ?? {}, { b: 1 }) as never);
    const merged = (await store.get(sid)) as never as Record<string, unknown>;
    expect(merged).toMatchObject({ a: 1, b: 1 });
    expect(merged.admin).toBeUndefined();
    expect(Object.hasOwn(merged, '__proto__')).toBe(true);
    expect(({} as Record<string, unknown>).admin).toBeUndefined();
  });
});

test('Redis 6.0, which is Premium’s version, serves a store', async () => {
  const program = await findRedis6();
  if (program === undefined) return console.warn('skipped: no Redis 6.0 can be had here');
  const server = await startRedis({ program });
  const redis = createRedis({
    settings: readSettings({ REDIS_URL: server.webUrl }),
    logger: silentLogger,
    role: 'test',
  });
  const store = createSessionStore({ redis, touchAfter: 0, maxSessionsPerUser: 2 });
  try {
    expect(await redis.client('sessions').info('server')).toContain('redis_version:6.0.');
    await exercise(store);
  } finally {
    store.close();
    await redis.close();
    await server.stop();
  }
});

test('one ACL pattern and the published commands are all a store needs', async () => {
  const server = await startRedis();
  const admin = new Redis(server.adminUrl);
  const url = await addUser(server.adminUrl, 'sessions', aclRules(COMMANDS.web, ['sess:*']));
  const redis = createRedis({ settings: readSettings({ REDIS_URL: url }), logger: silentLogger, role: 'test' });
  const store = createSessionStore({ redis, touchAfter: 0 });
  try {
    await admin.set('other', 'x');
    await exercise(store);
  } finally {
    store.close();
    await redis.close();
    admin.disconnect();
    await server.stop();
  }
});
