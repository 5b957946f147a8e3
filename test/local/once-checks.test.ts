import { checkAgreement, checkAlert, checkHotEntries, checkSessions, checkWrites } from '../../local/once/checks';
import type { HotEvidence, WriteEvidence } from '../../local/once/evidence';
import { paced, retried } from '../../local/once/pace';
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
])('the test alert: told %j', (told, ok) => {
  expect(checkAlert({ told }).ok).toBe(ok);
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
  await paced(20, 0, 3, async (index) => {
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
