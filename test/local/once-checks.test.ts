import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { checkAgreement, checkAlert, checkHotEntries, checkSessions, checkWrites } from '../../local/once/checks';
import { checkEndpoints } from '../../local/once/endpoints';
import type { HotEvidence, WriteEvidence } from '../../local/once/evidence';
import { evenly, retried } from '../../local/once/steady-load';
import { renderTable } from '../../local/once/table';
import { type RunningRedis, startRedis } from '../../local/servers';
import { type Client, createClient, readSettings, type SqlPool } from '../../src/index';

/** The checks must be able to fail: each is shown an outcome that does not hold. */

const V1 = '1795427368928200001';
const V2 = '1795427368928200002';
const pool = (rows: Readonly<Record<string, unknown>>[]): SqlPool => ({
  query: async () => ({ rows, rowCount: rows.length }),
});
const clientWith = (rows: Readonly<Record<string, unknown>>[], cached: { key: string; value: unknown }[] = []) =>
  ({ pool: pool(rows), cache: { multiGet: async () => cached } }) as unknown as Client;
const written = (acknowledged = 1): WriteEvidence => ({
  acknowledged,
  failed: 0,
  newest: new Map([['k', { version: V1, sequence: 7 }]]),
});

test.each([
  ['the row is there', [{ key: 'k', version: V1, value: { sequence: 7 } }], true],
  ['a newer one is there', [{ key: 'k', version: V2, value: { sequence: 8 } }], true],
  ['there is no row', [], false],
  ['an older one is there', [{ key: 'k', version: '1795427368928200000', value: { sequence: 7 } }], false],
  ['the version is right and the value is not', [{ key: 'k', version: V1, value: { sequence: 6 } }], false],
])('acknowledged writes: %s', async (_, rows, ok) => {
  expect((await checkWrites(clientWith(rows), written(), 1)).ok).toBe(ok);
});

test('acknowledged writes: fewer than were asked for', async () => {
  const rows = [{ key: 'k', version: V1, value: { sequence: 7 } }];
  expect((await checkWrites(clientWith(rows), written(), 2)).ok).toBe(false);
});

test('agreement: a cached value that is not the stored one', async () => {
  const rows = [{ key: 'k', value: { sequence: 7 } }];
  const same = clientWith(rows, [{ key: 'k', value: { sequence: 7 } }]);
  const other = clientWith(rows, [{ key: 'k', value: { sequence: 6 } }]);
  expect((await checkAgreement(same, written())).ok).toBe(true);
  expect((await checkAgreement(other, written())).ok).toBe(false);
});

const HOT: HotEvidence = { entries: 2, looks: 10, expired: 0, leastLeftMs: 100, renewed: 2 };
test.each([
  ['all renewed', HOT, true],
  ['one expired', { ...HOT, expired: 1 }, false],
  ['one never renewed', { ...HOT, renewed: 1 }, false],
])('hot entries: %s', (_, evidence, ok) => {
  expect(checkHotEntries(evidence, 2).ok).toBe(ok);
});

test.each([
  [['firing', 'resolved'] as const, true],
  [['firing'] as const, false],
  [['resolved'] as const, false],
  [[] as const, false],
])('the test alert: received %j', (received, ok) => {
  expect(checkAlert({ received }).ok).toBe(ok);
});

describe('sessions, in Redis itself', () => {
  let redis: RunningRedis;
  let client: Client;
  beforeAll(async () => {
    redis = await startRedis();
    client = createClient({ entities: [], settings: readSettings({ REDIS_URL: redis.appUrl }) });
  });
  afterAll(async () => {
    await client?.close();
    await redis?.stop();
  });

  test('one without a TTL, or one too few, does not hold', async () => {
    const sessions = client.redis.client('sessions');
    await sessions.set('sess:old', '{}', 'EX', 60);
    await sessions.set('sess:a', '{}', 'EX', 60);
    await sessions.set('sess:b', '{}');
    const evidence = { before: new Set(['sess:old']), created: 2, withoutTtl: ['sess:b'] };
    expect(await checkSessions(client, evidence, 2)).toMatchObject({
      ok: false,
      found: expect.stringContaining('1 left'),
    });
    await sessions.pexpire('sess:b', 60_000);
    expect((await checkSessions(client, evidence, 2)).ok).toBe(true);
    expect((await checkSessions(client, evidence, 3)).ok).toBe(false);
  });
});

describe('the endpoints', () => {
  const KEYS = { master: 'm', function: 'f' };
  const NAMES = ['health', 'healthDetail', 'metrics', 'selfCheck', 'dashboard', 'dashboardActions'];
  const functions = [...NAMES, 'flushWrites'].map((name) => ({
    name,
    trigger: name === 'flushWrites' ? 'queueTrigger' : 'httpTrigger',
  }));
  const right = (path: string): { status: number; body: string } => {
    if (path === '/api/health') return { status: 200, body: 'healthy' };
    if (path === '/api/metrics') return { status: 200, body: '# TYPE a gauge\na 1\n' };
    if (path === '/api/dashboard') return { status: 200, body: '<!doctype html><html><script>uPlot</script></html>' };
    return { status: 200, body: '{}' };
  };
  let answer = right;
  let asksForKeys = true;
  let server: Server;
  let address: string;
  beforeAll(async () => {
    server = createServer((request, response) => {
      const needed = { '/api/health': undefined, '/api/dashboard/actions': 'm' }[request.url ?? ''] ?? 'f';
      const isOpen = !asksForKeys || request.url === '/api/health' || request.headers['x-functions-key'] === needed;
      const { status, body } = isOpen ? answer(request.url ?? '') : { status: 401, body: '' };
      response.writeHead(status, { 'content-type': 'text/plain' }).end(body);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  beforeEach(() => {
    answer = right;
    asksForKeys = true;
  });
  afterAll(() => server.close());

  const faults = async (options: Partial<Parameters<typeof checkEndpoints>[0]> = {}) =>
    (await checkEndpoints({ address, functions, keys: KEYS, ...options })).filter(({ ok }) => !ok);

  test('that answer well, with their key only, hold', async () => {
    expect(await faults()).toEqual([]);
  });

  test('hold without keys where the host asks for none', async () => {
    asksForKeys = false;
    expect(await checkEndpoints({ address, functions })).not.toContainEqual(expect.objectContaining({ ok: false }));
  });

  test('of which one answers an error do not hold, and the error is shown', async () => {
    answer = (path) =>
      path === '/api/dashboard' ? { status: 503, body: '{"error":"ERR_INVALID_ARG_TYPE"}' } : right(path);
    expect(await faults()).toEqual([
      {
        what: 'GET /api/dashboard answers',
        ok: false,
        found: '503, text/plain, 32 bytes: {"error":"ERR_INVALID_ARG_TYPE"}; 401 without its key',
      },
    ]);
  });

  test('of which one lacks what it should show do not hold', async () => {
    answer = (path) => (path === '/api/dashboard' ? { status: 200, body: '<html></html>' } : right(path));
    expect(await faults()).toHaveLength(1);
  });

  test('that open without their key do not hold', async () => {
    asksForKeys = false;
    expect((await faults()).length).toBeGreaterThanOrEqual(5);
  });

  test('of which one was not opened do not hold', async () => {
    const more = [...functions, { name: 'secretDoor', trigger: 'httpTrigger' }];
    expect(await faults({ functions: more })).toEqual([
      { what: 'every HTTP function was opened', ok: false, found: 'not opened: secretDoor' },
    ]);
  });

  test('of an app without any do not hold', async () => {
    expect(await faults({ functions: [] })).toHaveLength(1);
  });

  test('that nobody serves do not hold', async () => {
    expect((await faults({ address: 'http://127.0.0.1:1' })).length).toBeGreaterThanOrEqual(6);
  });
});

test('the table says which hold, and how many', () => {
  const lines = renderTable([
    { what: 'one', ok: true, found: '1' },
    { what: 'another', ok: false, found: '2' },
  ]).split('\n');
  expect(lines).toEqual(['', '  ok    one      1', '  FAIL  another  2', '', '  1 of 2 do not hold', '']);
});

test('traffic is made once each, no more than the limit at a time', async () => {
  const seen: number[] = [];
  let running = 0;
  let most = 0;
  await evenly(20, 0, 3, async (index) => {
    running += 1;
    most = Math.max(most, running);
    await Promise.resolve();
    seen.push(index);
    running -= 1;
  });
  expect(seen.sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, n) => n));
  expect(most).toBe(3);
});

test('a request that fails is tried again, and its failures are counted', async () => {
  let calls = 0;
  let failures = 0;
  const answer = await retried(
    async () => {
      calls += 1;
      if (calls < 3) throw new Error('no');
      return 'yes';
    },
    () => {
      failures += 1;
    },
  );
  expect([answer, failures]).toEqual(['yes', 2]);
});
