import { readHealth } from '../../src/monitoring';
import { healthPages } from '../../src/pages';
import type { RedisHandle } from '../../src/redis';

const redis = {
  ready: async () => {},
  client: () => ({ ping: async () => 'PONG' }),
  within: <T>(command: Promise<T>) => command,
} as unknown as RedisHandle;
const well = {
  ...{ redis, jobs: async () => [], blobs: async () => [], oldestWriteSeconds: 300 },
  backlog: async () => ({ messages: 0, oldestSeconds: undefined }),
};

test('an accepted write that waits for too long degrades the app, and its age is said', async () => {
  const waiting = (oldestSeconds: number) =>
    readHealth({ ...well, backlog: async () => ({ messages: 7, oldestSeconds }) });
  expect(await waiting(299)).toMatchObject({ status: 'ok', faults: [] });
  expect(await waiting(300)).toMatchObject({
    status: 'degraded',
    faults: ['writes: about 7 messages wait, the oldest write for 300 s'],
  });
});

test('a database that is not configured is no fault', async () => {
  expect(await readHealth(well)).toMatchObject({ status: 'ok', checks: { database: { ok: true } } });
});

test('what others threw is masked, and cut to one line', async () => {
  const broken = async () => Promise.reject(Object.assign(new Error('no way to canary\nstack'), { code: '28P01' }));
  const mask = (text: string) => text.replace('canary', '(masked)');
  const { faults } = await readHealth({ ...well, database: broken, mask });
  expect(faults).toEqual(['database: 28P01: no way to (masked)']);
});

test('every check has an end: what never answers is named', async () => {
  const never = () => new Promise<never>(() => {});
  const state = await readHealth({ ...well, jobs: never, database: never, backlog: never, timeoutMs: 20 });
  expect(state).toMatchObject({ status: 'down', checks: { redis: { ok: true } } });
  expect(state.faults).toEqual(['storage', 'database', 'writes'].map((name) => `${name}: no answer within 20 ms`));
});

test('however many ask at a time, the services are asked once', async () => {
  let asked = 0;
  const pages = healthPages(async () => {
    asked += 1;
    return { status: 'ok', faults: [] };
  });
  await Promise.all([pages.health(), pages.health(), pages.healthDetail()]);
  expect(asked).toBe(1);
  await pages.health();
  expect(asked).toBe(2);
});
