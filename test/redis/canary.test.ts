import { inspect } from 'node:util';
import { type RunningRedis, startRedis } from '../../local/servers';
import { createRedis } from '../../src/redis';
import { recordingLogger, redisSettings } from './recorder';
import { bump } from './scripts';

const CANARY = 'canary-5f0c9a';

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
  const told: unknown[] = [];
  const settings = redisSettings({ REDIS_URL: server.url });
  const redis = createRedis({ settings, logger, role: 'test' });
  await redis.client('cache').lpush(CANARY, CANARY);
  told.push(await thrownBy(redis.run('cache', bump, [CANARY], [CANARY])));
  told.push(await thrownBy(redis.within(redis.client('cache').incr(CANARY))));
  told.push(await thrownBy(redis.within(redis.client('cache').getrange(CANARY, 0, 1))));
  const dying = thrownBy(redis.within(redis.client('cache').call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'no')));
  const underWay = Array.from({ length: 20 }, () => redis.within(redis.client('cache').set('k', CANARY)));
  told.push(await dying.catch(() => undefined), ...(await Promise.allSettled(underWay)));
  await redis.close();

  const url = server.url.replace('://', `://someone:${CANARY}@`);
  const refused = createRedis({
    settings: redisSettings({ REDIS_URL: url, REDIS_DEADLINE_MS: '500' }),
    logger,
    role: 'test',
  });
  told.push(await thrownBy(refused.run('cache', bump, ['x'], [1])));
  told.push(await thrownBy(refused.within(refused.client('cache').get('x'))));
  await refused.close();

  expect(told.length).toBeGreaterThan(6);
  expect(inspect({ told, lines }, { depth: null, showHidden: true })).not.toContain(CANARY);
});
