import { AsyncLocalStorage } from 'node:async_hooks';
import { type RunningRedis, startRedis } from '../../../local/servers';
import type { RefreshOutcome } from '../../../src/cache/types';
import { systemClock } from '../../../src/clock';
import { defineEntity } from '../../../src/entities/define-entity';
import { silentLogger } from '../../../src/logger';
import { createRedis } from '../../../src/redis';
import { LocalRefresher } from '../../../src/refresh-ahead/local-refresher';
import { refreshRules } from '../../../src/refresh-ahead/refresh-rules';
import { readSettings } from '../../../src/settings';
import { GroupCommit } from '../../../src/write-behind/journal/group-commit';
import { countersInMemory } from '../../write-behind/support';

const calls = new AsyncLocalStorage<string>();
let server: RunningRedis;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server?.stop());

test('a connection that a call opens logs in no call’s context', async () => {
  const seen: (string | undefined)[] = [];
  const settings = readSettings({ REDIS_URL: server.webUrl });
  const info = () => void seen.push(calls.getStore());
  const redis = createRedis({ settings, logger: { ...silentLogger, info }, role: 'test' });
  await calls.run('the first call', () => redis.within(redis.client('cache').get('cache:{a:b:1}')));
  await redis.close();
  expect(seen.length).toBeGreaterThan(0);
  expect(new Set(seen)).toEqual(new Set([undefined]));
});

test('a message that several appends share is sent in the context of its first append', async () => {
  const sent: (string | undefined)[] = [];
  const group = new GroupCommit({
    ...{ messageBytes: 2, bufferBytes: 1_000, messagesPerSecond: 50, timeoutMs: 60_000 },
    send: async () => {
      sent.push(calls.getStore());
    },
  });
  // One row a message: the later ones are sent when the earlier ones are done.
  const names = ['one', 'two', 'three', 'four', 'five'];
  await Promise.all(names.map((name) => calls.run(name, () => group.add('xx', 2))));
  expect(sent).toEqual(names);
});

test('a refresh that waited for another one’s end runs in the context of the call that asked for it', async () => {
  const settings = readSettings({ REDIS_URL: server.webUrl, REDIS_DEADLINE_MS: '20000' });
  const redis = createRedis({ settings, logger: silentLogger, role: 'test' });
  const refresher = new LocalRefresher({
    ...{ redis, counters: countersInMemory(), logger: silentLogger, clock: systemClock },
    dueSet: { noteLoads: async () => 0 },
  });
  const entity = defineEntity<number>({
    name: 'user:queued',
    refreshAhead: { concurrency: 1 },
    load: async () => 1,
  });
  const rules = refreshRules(entity);
  if (rules === undefined) throw new Error('the entity refreshes ahead');
  const ran: string[] = [];
  const { promise: done, resolve } = Promise.withResolvers<void>();
  const refresh = async ([key]: readonly string[]): Promise<RefreshOutcome[]> => {
    ran.push(`${key} ${calls.getStore()}`);
    if (ran.length === 3) resolve();
    return [{ key: key as string, outcome: 'gone' }];
  };
  const keys = ['user:queued:1', 'user:queued:2', 'user:queued:3'];
  for (const key of keys) calls.run(key, () => refresher.request(rules, key, Date.now() + 60_000, refresh));
  await done;
  await refresher.close();
  await redis.close();
  expect(ran).toEqual(keys.map((key) => `${key} ${key}`));
});
