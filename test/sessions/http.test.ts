import { readRecord } from '../../src/sessions/record/session-record';
import { type Kind, type Rig, startRig } from './rig';
import { Browser, browserWith, type Site, sidOf, startSite } from './site';

describe.each<Kind>(['standalone', 'cluster'])('over HTTP on %s', (kind) => {
  let rig: Rig;
  let site: Site;
  beforeAll(async () => {
    rig = await startRig(kind);
    site = await startSite({ redis: rig.redis });
  });
  afterAll(async () => {
    await site.close();
    await rig.close();
  });

  const loggedIn = async (user = 'ann') => {
    const browser = new Browser(site);
    await browser.post(`/login?user=${user}`);
    return browser;
  };
  const recordOf = async (browser: Browser) => {
    const { keys, redis } = site.manager.store.core.rules;
    return readRecord((await redis.client('sessions').get(keys.recordOf(keys.idOf(sidOf(browser.cookie))))) ?? '');
  };

  test('a login is answered with the story’s cookie, and nobody gets one before', async () => {
    const browser = new Browser(site);
    expect((await browser.get('/me')).setCookie).toBeUndefined();
    const { setCookie } = await browser.post('/login?user=ann');
    expect(setCookie).toMatch(
      /^__Host-oversight\.sid=s%3A[\w-]{43}\.[^;]+; Path=\/; Expires=[^;]+ GMT; HttpOnly; Secure; SameSite=Strict$/,
    );
    const expires = new Date(/Expires=([^;]+)/.exec(setCookie ?? '')?.[1] ?? 0).getTime();
    expect(Math.abs(expires - Date.now() - 86_400_000)).toBeLessThan(60_000);
    expect((await browser.get('/me')).body).toEqual({ userId: 'ann' });
  });

  test('every answer rolls the cookie on, with the same id', async () => {
    const browser = await loggedIn();
    const sid = sidOf(browser.cookie);
    const { setCookie } = await browser.get('/me');
    expect(setCookie).toContain('Expires=');
    expect(sidOf(browser.cookie)).toBe(sid);
  });

  test('a login changes the id, and the id known before is worth nothing', async () => {
    const browser = new Browser(site);
    await browser.post('/set?cart=1');
    const fixed = browser.cookie;
    await browser.post('/login?user=ann');
    expect(sidOf(browser.cookie)).not.toBe(sidOf(fixed));
    const thief = browserWith(site, fixed);
    expect((await thief.get('/me')).body).toEqual({ cart: '1' }); // what it was, for requests under way
    await thief.post('/set?cart=stolen');
    await thief.post('/set?userId=ann');
    expect((await thief.get('/me')).body).toEqual({ cart: '1' });
    expect((await browser.get('/me')).body).toEqual({ userId: 'ann' });
  });

  test('logging out ends the session, and its cookie opens nothing', async () => {
    const browser = await loggedIn();
    const { cookie } = browser;
    await browser.post('/logout');
    expect((await browserWith(site, cookie).get('/me')).body).toEqual({});
    expect(await recordOf(browserWith(site, cookie))).toBeUndefined();
  });

  test('a slow request that saves after the logout revives nothing', async () => {
    const browser = await loggedIn();
    const { cookie } = browser;
    const slow = browserWith(site, cookie).post('/hold/a/set?late=1');
    await site.waiting('a');
    await browser.post('/logout');
    site.open('a');
    expect((await slow).status).toBe(200);
    expect((await browserWith(site, cookie).get('/me')).body).toEqual({});
  });

  test('requests at once that each change another field lose nothing', async () => {
    const browser = await loggedIn();
    const slow = browserWith(site, browser.cookie).post('/hold/b/set?slow=1');
    await site.waiting('b');
    await Promise.all(Array.from({ length: 20 }, (_, n) => browserWith(site, browser.cookie).post(`/set?f${n}=1`)));
    site.open('b');
    await slow;
    expect(Object.keys((await browser.get('/me')).body)).toHaveLength(22);
  });

  test('a request under way while the id is renewed keeps its change and doesn’t bring the old id back', async () => {
    const browser = await loggedIn();
    const old = browser.cookie;
    const [slow, slowReader] = [browserWith(site, old), browserWith(site, old)];
    const [changing, reading] = [slow.post('/hold/c/set?late=1'), slowReader.get('/hold/c/me')];
    await site.waiting('c');
    const { authenticatedMs, endsMs, generation } = (await recordOf(browser)) ?? {};
    await browser.post('/renew');
    expect(sidOf(browser.cookie)).not.toBe(sidOf(old));
    site.open('c');
    expect((await changing).setCookie).toBeUndefined();
    expect((await reading).setCookie).toBeUndefined();
    const late = browserWith(site, old);
    expect((await late.get('/me')).body).toMatchObject({ userId: 'ann' });
    await late.post('/set?later=1');
    expect(late.cookie).toBe(old);
    expect((await browser.get('/me')).body).toEqual({ userId: 'ann', late: '1', later: '1' });
    expect(await recordOf(browser)).toMatchObject({ authenticatedMs, endsMs, generation });
  });

  test('many requests at once, some of which renew the id, end with one that works', async () => {
    const browser = await loggedIn('rita');
    const all = Array.from({ length: 12 }, (_, n) =>
      browserWith(site, browser.cookie).post(n % 4 ? '/set?n=1' : '/renew'),
    );
    for (const answer of await Promise.all(all)) expect(answer.status).toBe(200);
    const renewed = (await Promise.all(all)).find(
      ({ setCookie }) => setCookie && sidOf(setCookie.split(';')[0]) !== sidOf(browser.cookie),
    );
    const after = browserWith(site, renewed?.setCookie?.split(';')[0]);
    expect((await after.get('/me')).body).toMatchObject({ userId: 'rita' });
    await after.post('/logout');
    await site.manager.users.revokeAll('rita');
    expect((await browser.get('/me')).body).toEqual({});
  });

  test('logging out by the old id, while it still answers, ends the new session too', async () => {
    const browser = await loggedIn();
    const old = browserWith(site, browser.cookie);
    await browser.post('/renew');
    await old.post('/logout');
    expect((await browser.get('/me')).body).toEqual({});
  });

  test('a session that was revoked can’t be renewed by a request under way', async () => {
    for (const revoke of [(browser: Browser) => browser.post('/logout'), () => site.manager.users.revokeAll('eve')]) {
      const browser = await loggedIn('eve');
      const slow = browserWith(site, browser.cookie);
      const renewing = slow.post('/hold/d/renew');
      await site.waiting('d');
      await revoke(browser);
      site.open('d');
      await renewing;
      expect((await slow.get('/me')).body).toEqual({});
    }
  });

  test('revoking everywhere takes one write and reaches every session at once', async () => {
    const browsers = await Promise.all(Array.from({ length: 5 }, () => loggedIn('bob')));
    const other = await loggedIn('carol');
    await site.manager.users.revokeAll('bob');
    for (const browser of browsers) expect((await browser.get('/me')).body).toEqual({});
    expect((await other.get('/me')).body).toEqual({ userId: 'carol' });
    expect(await site.manager.users.list('bob')).toEqual([]);
    const again = await loggedIn('bob');
    expect((await again.get('/me')).body).toEqual({ userId: 'bob' });
    for (const browser of browsers) expect((await browser.get('/me')).body).toEqual({});
  });

  test('revoking all but this keeps this one working, also for its requests under way', async () => {
    const [mine, other] = [await loggedIn('dan'), await loggedIn('dan')];
    const slow = browserWith(site, mine.cookie).post('/hold/e/set?late=1');
    await site.waiting('e');
    const reads = mine.post('/revoke-others');
    const during = await Promise.all(Array.from({ length: 10 }, () => browserWith(site, mine.cookie).get('/me')));
    await reads;
    site.open('e');
    await slow;
    for (const { body } of during) expect(body).toMatchObject({ userId: 'dan' });
    expect((await other.get('/me')).body).toEqual({});
    expect((await mine.get('/me')).body).toEqual({ userId: 'dan', late: '1' });
    expect(await site.manager.users.count('dan')).toBe(1);
  });

  test('revoking one of a list ends that one', async () => {
    const [first, second] = [await loggedIn('fay'), await loggedIn('fay')];
    const [one] = await site.manager.users.list('fay');
    expect(one).toMatchObject({ id: expect.stringMatching(/^[\w-]{43}$/), authenticatedAt: expect.any(Date) });
    expect(await site.manager.users.revoke('gus', one?.id ?? '')).toBe(false);
    expect(await site.manager.users.revoke('fay', one?.id ?? '')).toBe(true);
    expect((await first.get('/me')).body).toEqual({});
    expect((await second.get('/me')).body).toEqual({ userId: 'fay' });
    expect(await site.manager.users.list('fay')).toHaveLength(1);
  });

  test('forged, foreign, unknown and malformed cookies are nobody', async () => {
    const browser = await loggedIn();
    const [name, value = ''] = (browser.cookie ?? '').split('=');
    const { keys } = site.manager.store.core.rules;
    const hash = keys.idOf(sidOf(browser.cookie));
    for (const bad of [
      value.slice(0, -1) + (value.endsWith('A') ? 'B' : 'A'),
      value.replace(/^s%3A(.)/, (_, first) => `s%3A${first === 'a' ? 'b' : 'a'}`),
      sidOf(browser.cookie),
      `s%3A${hash}.signature`,
      's%3A',
      '%E0%A4%A',
      'x'.repeat(4_000),
    ]) {
      expect((await browserWith(site, `${name}=${bad}`).get('/me')).body).toEqual({});
    }
    // Even signed, what stands in Redis is no id.
    expect(await site.manager.store.get(hash)).toBeNull();
    expect((await browser.get('/me')).body).toEqual({ userId: 'ann' });
  });

  test('a session too large or impossible to write is refused with 500 and what was there stays', async () => {
    const browser = await loggedIn();
    expect(await browser.post('/big?bytes=300000')).toMatchObject({
      status: 500,
      body: { error: 'E_SESSION_TOO_LARGE' },
    });
    expect(await browser.post('/loop')).toMatchObject({ status: 500, body: { error: 'E_SESSION_UNSERIALIZABLE' } });
    expect((await browser.get('/me')).body).toEqual({ userId: 'ann' });
    expect(await browser.post('/stream?streamed=1')).toMatchObject({ status: 200, body: { text: 'begun done' } });
    expect((await browser.get('/me')).body).toEqual({ userId: 'ann', streamed: '1' });
  });

  test('saving by hand before a redirect saves once, and is there for the next request', async () => {
    const browser = await loggedIn();
    expect((await browser.post('/save-and-redirect?a=1')).status).toBe(302);
    expect((await browser.get('/me')).body).toEqual({ userId: 'ann', a: '1' });
  });

  test('a damaged record logs out and is counted, whatever is in it', async () => {
    const add = jest.fn();
    const watched = rig.store({ prefix: site.manager.store.core.rules.keys.prefix, counters: { add } });
    const client = rig.redis.client('sessions');
    const { keys } = watched.core.rules;
    const browser = await loggedIn();
    const key = keys.recordOf(keys.idOf(sidOf(browser.cookie)));
    const whole = (await client.get(key)) ?? '';
    for (const damaged of ['', 'x', whole.slice(0, 50), whole.slice(0, -5), whole.replace('cs1', 'cs7'), '{"half":']) {
      await client.set(key, damaged, 'EX', 60);
      expect([damaged, (await browser.get('/me')).body]).toEqual([damaged, {}]);
      expect(await watched.get(sidOf(browser.cookie))).toBeNull();
    }
    await client.del(key);
    await client.hset(key, 'a', 1);
    expect((await browser.get('/me')).body).toEqual({});
    await client.del(key);
    expect(add.mock.calls.filter(([name]) => name === 'sessions_damaged').length).toBeGreaterThanOrEqual(5);
  });
});
