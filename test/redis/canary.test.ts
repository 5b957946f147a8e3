import { inspect } from 'node:util';
import { Redis } from 'ioredis';
import { type RunningRedis, startRedis, urlWith } from '../../local/servers';
import { createRedis } from '../../src/redis';
import { recordingLogger, redisSettings } from './recorder';
import { bump } from './scripts';

const CANARY = 'canary-5f0c9a';
const KEY = `cache:${CANARY}`;

let server: RunningRedis;
beforeAll(async () => {
  server = await startRedis({ args: ['--rename-command', 'GETRANGE', ''] });
});
afterAll(() => server.stop());

async function thrownBy(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => {
      throw new Error('expected an error');
    },
    (error: unknown) => error,
  );
}

test('no value, key or password is in an error, its causes, or the log, however deeply they are printed', async () => {
  const { logger, lines } = recordingLogger();
  const shown: unknown[] = [];
  const settings = redisSettings({ REDIS_URL: server.appUrl });
  const redis = createRedis({ settings, logger, role: 'test' });
  await redis.client('cache').zadd(KEY, 1, CANARY);
  shown.push(await thrownBy(redis.run('cache', bump, [KEY], [CANARY])));
  shown.push(await thrownBy(redis.within(redis.client('cache').get(KEY))));
  shown.push(await thrownBy(redis.within(redis.client('cache').getrange(KEY, 0, 1))));
  const admin = new Redis(server.adminUrl);
  await admin.call('CLIENT', 'PAUSE', 5_000, 'WRITE');
  const underWay = Array.from({ length: 20 }, () => redis.within(redis.client('cache').set('cache:k', CANARY)));
  await admin.call('CLIENT', 'KILL', 'USER', 'app');
  shown.push(...(await Promise.allSettled(underWay)));
  await admin.call('CLIENT', 'UNPAUSE');
  admin.disconnect();
  await redis.close();

  const url = urlWith(server.appUrl, { username: 'someone', password: CANARY });
  const refused = createRedis({
    settings: redisSettings({ REDIS_URL: url, REDIS_DEADLINE_MS: '500' }),
    logger,
    role: 'test',
  });
  shown.push(await thrownBy(refused.run('cache', bump, ['cache:x'], [1])));
  shown.push(await thrownBy(refused.within(refused.client('cache').get('cache:x'))));
  await refused.close();

  expect(shown.length).toBeGreaterThan(6);
  expect(inspect({ shown, lines }, { depth: null, showHidden: true })).not.toContain(CANARY);
});
