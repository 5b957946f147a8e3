import { sampleSessions } from '../../local/web/web-app';
import { startWebServer, type WebServer } from '../../local/web/web-server';
import type { Cache, SessionManager } from '../../src/index';
import { type Kind, type Rig, startRig } from './rig';

describe.each<Kind>(['standalone', 'cluster'])('the sample app on %s', (kind) => {
  let rig: Rig;
  let sessions: SessionManager;
  let web: WebServer;
  beforeAll(async () => {
    rig = await startRig(kind);
    sessions = sampleSessions(rig.redis);
    web = await startWebServer({ cache: {} as Cache, sessions });
  });
  afterAll(async () => {
    await web.stop();
    sessions.close();
    await rig.close();
  });

  const ask = (method: string, path: string, cookie?: string, body?: object) =>
    fetch(web.address + path, {
      method,
      headers: { 'content-type': 'application/json', connection: 'close', ...(cookie && { cookie }) },
      ...(body && { body: JSON.stringify(body) }),
    });
  const cookieOf = (answer: Response) => answer.headers.get('set-cookie')?.split(';')[0];
  const login = async (user: string) => cookieOf(await ask('POST', '/login', undefined, { user })) as string;
  const statusOf = async (cookie: string) => (await ask('GET', '/me', cookie)).status;

  test('login, browsing, logging out', async () => {
    const cookie = await login('ann');
    expect(cookie).toMatch(/^oversight\.sid=/);
    for (const visits of [1, 2]) {
      expect(await (await ask('GET', '/me', cookie)).json()).toEqual({ user: 'ann', visits });
    }
    expect((await ask('GET', '/me', cookie)).headers.get('set-cookie')).toContain('HttpOnly; SameSite=Strict');
    expect((await ask('POST', '/logout', cookie)).status).toBe(204);
    expect(await statusOf(cookie)).toBe(401);
    expect(await statusOf('oversight.sid=s%3Aforged.signature')).toBe(401);
  });

  test('a second login gets a new id, and takes the old session’s place', async () => {
    const first = await login('bob');
    const second = cookieOf(await ask('POST', '/login', first, { user: 'bob' })) as string;
    expect(second).not.toBe(first);
    expect(await statusOf(second)).toBe(200);
    expect(await (await ask('GET', '/sessions', second)).json()).toHaveLength(1);
  });

  test('a user sees the own sessions, ends one, the others, all', async () => {
    const [one, two, three, four] = [await login('eve'), await login('eve'), await login('eve'), await login('eve')];
    const listed = (await (await ask('GET', '/sessions', four)).json()) as { id: string }[];
    expect(listed).toHaveLength(4);
    const stranger = await login('mallory');
    expect((await ask('DELETE', `/sessions/${listed[0]?.id}`, stranger)).status).toBe(404);
    expect((await ask('DELETE', `/sessions/${listed[0]?.id}`, four)).status).toBe(204);
    expect((await Promise.all([one, two, three, four].map(statusOf))).filter((status) => status === 401)).toHaveLength(
      1,
    );
    const [mine] = await Promise.all([login('eve')]);
    expect((await ask('POST', '/logout-elsewhere', mine)).status).toBe(204);
    expect(await Promise.all([one, two, three, four].map(statusOf))).toEqual([401, 401, 401, 401]);
    expect(await statusOf(mine)).toBe(200);
    expect((await ask('POST', '/logout-everywhere', mine)).status).toBe(204);
    expect(await statusOf(mine)).toBe(401);
    expect(await statusOf(stranger)).toBe(200);
  });
});
