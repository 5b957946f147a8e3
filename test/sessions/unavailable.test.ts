import { inspect } from 'node:util';
import { type RunningRedis, startRedis } from '../../local/servers';
import { createRedis, type RedisHandle } from '../../src/redis';
import { readSettings } from '../../src/settings';
import { Browser, browserWith, type Site, sidOf, startSite } from './site';

/** Far beyond the deadline of 200 ms, far below ioredis' own limits. */
const LIMIT_MS = 5_000;

let server: RunningRedis;
let redis: RedisHandle;
let site: Site;
const logged: string[] = [];
const tell = (fields: object, message: string) => void logged.push(JSON.stringify(fields) + message);
const logger = { debug: tell, info: tell, warn: tell, error: tell };
beforeAll(async () => {
  server = await startRedis();
  const settings = readSettings({
    REDIS_URL: server.webUrl,
    REDIS_DEADLINE_MS: '200',
    REDIS_SOCKET_TIMEOUT_MS: '10000',
  });
  redis = createRedis({ settings, logger, role: 'test' });
  site = await startSite({ redis, logger });
});
afterAll(async () => {
  await site.close();
  await redis.close();
  await server.stop();
});

const closed = { status: 503, body: { error: 'E_SESSIONS_UNAVAILABLE' } };
async function soon<T>(work: Promise<T>): Promise<T> {
  const begun = performance.now();
  const result = await work;
  expect(performance.now() - begun).toBeLessThan(LIMIT_MS);
  return result;
}
async function until(holds: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + 20_000;
  while (!(await holds().catch(() => false))) {
    if (Date.now() > end) throw new Error('it never came true');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

test('a frozen Redis is answered with 503 within the deadline, and nobody is taken for nobody', async () => {
  const browser = new Browser(site);
  await browser.post('/login?user=ann');
  await server.kill('SIGSTOP');
  try {
    expect(await soon(browser.get('/me'))).toMatchObject(closed);
    expect(await soon(new Browser(site).post('/login?user=bob'))).toMatchObject(closed);
    const anonymous = await soon(new Browser(site).get('/me')); // asks nothing of Redis
    expect(anonymous).toMatchObject({ status: 200, body: {} });
  } finally {
    await server.kill('SIGCONT');
  }
  await until(async () => (await browser.get('/me')).status === 200);
  expect((await browser.get('/me')).body).toEqual({ userId: 'ann' });
});

test('a login that could not be saved is not answered as done', async () => {
  const browser = new Browser(site);
  const login = browser.post('/hold/login/login?user=ann');
  await site.waiting('login');
  await server.kill('SIGSTOP');
  try {
    site.open('login');
    const answer = await soon(login);
    expect(answer).toMatchObject(closed);
    expect(answer.setCookie).toBeUndefined();
  } finally {
    await server.kill('SIGCONT');
  }
});

test('a logout while Redis is frozen is not answered as done, is denied here at once, and is carried out later', async () => {
  const browser = new Browser(site);
  await until(async () => (await browser.post('/login?user=ann')).status === 200);
  const { cookie } = browser;
  await server.kill('SIGSTOP');
  const logout = browserWith(site, cookie).post('/logout');
  // The session has to be loaded before it can be destroyed: this one was loaded before the freeze, or fails there.
  expect(await soon(logout)).toMatchObject(closed);
  const sid = decodeURIComponent(cookie?.split('=')[1] ?? '')
    .slice(2)
    .split('.')[0] as string;
  await expect(site.manager.store.destroy(sid)).rejects.toMatchObject({ code: 'E_SESSIONS_UNAVAILABLE', status: 503 });
  await expect(site.manager.users.revokeAll('zoe')).rejects.toMatchObject({ code: 'E_SESSIONS_UNAVAILABLE' });
  expect(await site.manager.store.get(sid)).toBeNull();
  await server.kill('SIGCONT');
  const { keys } = site.manager.store.core.rules;
  await until(async () => (await redis.client('sessions').exists(keys.recordOf(keys.idOf(sid)))) === 0);
  await until(async () => (await redis.client('sessions').exists(keys.loginGenerationOf('zoe'))) === 1);
});

test('a dead Redis is logged by the events, and requests are served again when it is back', async () => {
  const events: string[] = [];
  for (const event of ['connect', 'disconnect']) site.manager.store.on(event, () => events.push(event));
  const browser = new Browser(site);
  await until(async () => (await browser.post('/login?user=ann')).status === 200);
  await server.kill('SIGKILL');
  await until(async () => events.includes('disconnect'));
  expect(await soon(browser.get('/me'))).toMatchObject(closed);
  expect(await soon(browser.post('/login?user=ann'))).toMatchObject(closed);
  await server.restart();
  await until(async () => (await new Browser(site).post('/login?user=ann')).status === 200);
  expect(events.at(-1)).toBe('connect');
  expect((await browser.get('/me')).body).toEqual({}); // that server kept nothing
});

test('what is logged and thrown names no session', async () => {
  const browser = new Browser(site);
  await until(async () => (await browser.post('/login?user=ann')).status === 200);
  const sid = sidOf(browser.cookie);
  const { store } = site.manager;
  const { keys } = store.core.rules;
  await browser.post('/big?bytes=300000');
  await server.kill('SIGSTOP');
  const failed = await Promise.allSettled([store.get(sid), store.destroy(sid), store.users.list('ann')]);
  await until(async () => logged.some((line) => line.includes('still pending')));
  await server.kill('SIGCONT');
  const words = logged.concat(failed.map((outcome) => inspect(outcome, { depth: 10 }))).join('\n');
  expect(failed.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
  for (const secret of [sid, keys.idOf(sid), keys.loginGenerationOf('ann')]) expect(words).not.toContain(secret);
});
