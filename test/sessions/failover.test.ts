import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { type RunningCluster, type RunningRedis, startRedisCluster } from '../../local/servers';
import { silentLogger } from '../../src/logger';
import { createRedis, type RedisHandle } from '../../src/redis';
import { slotOf } from '../../src/redis/slot';
import { readSettings } from '../../src/settings';
import { Browser, browserWith, type Site, sidOf, startSite } from './site';

/** From the death of the master: what docs/sessions.md states as the window of errors of a failover by hand. */
const WINDOW_MS = 10_000;
const CLIENTS = 50;

let cluster: RunningCluster;
let redis: RedisHandle;
let site: Site;
beforeAll(async () => {
  cluster = await startRedisCluster({ masters: 3, replicas: 1 });
  const settings = readSettings({ ...cluster.environments.web, REDIS_DEADLINE_MS: '2000' });
  redis = createRedis({ settings, logger: silentLogger, role: 'test' });
  site = await startSite({ redis, touchAfter: 0 });
});
afterAll(async () => {
  await site.close();
  await redis.close();
  await cluster.stop();
});

test('a replica promoted while fifty clients browse revives nobody, and errs only within the window', async () => {
  const { keys } = site.manager.store.core.rules;
  const ownedByFirst = (key: string) => slotOf(key) < Math.floor(16_384 / 3);
  const browsers = await Promise.all(
    Array.from({ length: CLIENTS }, async (_, n) => {
      const browser = new Browser(site);
      await browser.post(`/login?user=u${n}`);
      return browser;
    }),
  );
  const doomed: Browser[] = [];
  while (doomed.length < 12) {
    const browser = new Browser(site);
    const user = `doomed${Math.random()}`;
    await browser.post(`/login?user=${user}`);
    // Half are logged out, half revoked; all by a write on the master that dies.
    const revokes = doomed.length % 2 === 1;
    const key = revokes ? keys.loginGenerationOf(user) : keys.recordOf(keys.idOf(sidOf(browser.cookie)));
    if (ownedByFirst(key)) doomed.push(Object.assign(browser, { user, revokes }));
  }

  const failures: number[] = [];
  const lost: number[] = [];
  let browsing = true;
  const traffic = browsers.map(async (browser, n) => {
    for (let request = 0; browsing; request += 1) {
      const { status, body } = request % 4 ? await browser.get('/me') : await browser.post(`/set?n=${request}`);
      if (status !== 200) failures.push(performance.now());
      else if (request % 4 && body.userId !== `u${n}`) lost.push(n);
      await sleep(20);
    }
  });
  await sleep(300);
  expect(failures).toEqual([]);

  // As late as can be: the answer of the last has come when the master dies.
  await Promise.all(
    doomed.map(async (browser) => {
      const { user, revokes } = browser as Browser & { user: string; revokes: boolean };
      const { cookie } = browser;
      if (revokes) await site.manager.users.revokeAll(user);
      else await browser.post('/logout');
      browser.cookie = cookie;
    }),
  );
  const died = performance.now();
  await (cluster.nodes[0] as RunningRedis).kill('SIGKILL');
  await promote(cluster.nodes[3] as RunningRedis);
  let alive = 0;
  while (performance.now() - died < WINDOW_MS && alive < CLIENTS) {
    const answers = await Promise.all(browsers.map((browser) => browserWith(site, browser.cookie).get('/me')));
    alive = answers.filter(({ status }) => status === 200).length;
  }
  expect(alive).toBe(CLIENTS);
  await sleep(500);
  const settled = performance.now();
  await sleep(500);
  browsing = false;
  await Promise.all(traffic);

  expect(failures.every((at) => at > died && at < Math.min(settled, died + WINDOW_MS))).toBe(true);
  expect(lost).toEqual([]);
  for (const browser of doomed)
    expect(await browserWith(site, browser.cookie).get('/me')).toMatchObject({ status: 200, body: {} });
  // Another process, which knows nothing of what this one destroyed.
  const left = { ...cluster.environments.web, REDIS_NODES: cluster.addresses.slice(1).join(',') };
  const settings = readSettings({ ...left, REDIS_DEADLINE_MS: '2000' });
  const other = createRedis({ settings, logger: silentLogger, role: 'other' });
  const elsewhere = await startSite({ redis: other, prefix: keys.prefix });
  for (const browser of doomed) expect((await browserWith(elsewhere, browser.cookie).get('/me')).body).toEqual({});
  await elsewhere.close();
  await other.close();
});

async function promote(replica: RunningRedis): Promise<void> {
  const client = new Redis(replica.adminUrl);
  try {
    await client.call('CLUSTER', 'FAILOVER', 'TAKEOVER');
  } finally {
    client.disconnect();
  }
}
