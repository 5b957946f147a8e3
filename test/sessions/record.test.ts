import { randomUUID } from 'node:crypto';
import { readRecord, remainingMs, writeMeta } from '../../src/sessions/record/session-record';
import { newPrefix, plain, type Rig, startRig } from './rig';

const generation = `1790000000000000n${'a'.repeat(22)}`;
const text = [
  'cs1 s 1790000000000001 1790000000000 1790600000000 1790000000500 0000086400000 1790000000000 ',
  `${generation}\n{"u":"ann"}\n{"cookie":{}}`,
].join('');

test('the layout is the documented one', () => {
  expect(readRecord(text)).toEqual({
    kind: 'session',
    version: '1790000000000001',
    createdMs: 1_790_000_000_000,
    endsMs: 1_790_600_000_000,
    seenMs: 1_790_000_000_500,
    idleMs: 86_400_000,
    authenticatedMs: 1_790_000_000_000,
    generation,
    user: 'ann',
    successor: undefined,
    payload: '{"cookie":{}}',
  });
});

test.each([
  ['nothing', ''],
  ['connect-redis', '{"cookie":{}}'],
  ['another format', text.replace('cs1', 'cs2')],
  ['an unknown kind', text.replace('cs1 s', 'cs1 x')],
  ['a cut header', text.slice(0, 100)],
  ['no payload line', text.slice(0, text.lastIndexOf('\n'))],
  ['meta that is no JSON', text.replace('{"u":"ann"}', '{"u":')],
  ['meta that is no object', text.replace('{"u":"ann"}', '7')],
  ['letters in a number', text.replace('1790600000000', '17906x0000000')],
])('%s is no record', (_, damaged) => {
  expect(readRecord(damaged)).toBeUndefined();
});

test('payloads may hold line breaks, and a user whatever JSON can say', () => {
  const record = readRecord(text.replace('{"u":"ann"}', writeMeta('a\n"b"', 'next')).concat('\n\n'));
  expect(record).toMatchObject({ user: 'a\n"b"', successor: 'next', payload: '{"cookie":{}}\n\n' });
});

test('what is left of a record is the lesser of idle and absolute lifetime', () => {
  const at = { seenMs: 1_000, idleMs: 500, endsMs: 9_000 };
  expect(remainingMs(at, 1_100)).toBe(400);
  expect(remainingMs({ ...at, endsMs: 1_300 }, 1_100)).toBe(200);
  expect(remainingMs(at, 2_000)).toBe(-500);
  expect(remainingMs({ ...at, idleMs: 0 }, 2_000)).toBeUndefined();
});

describe('in Redis', () => {
  let rig: Rig;
  beforeAll(async () => {
    rig = await startRig('standalone');
  });
  afterAll(() => rig.close());

  test('scripts write what is read here, and the key’s expiry is what the record says', async () => {
    const prefix = newPrefix();
    const store = rig.store({ prefix, absoluteTtl: 1_000 });
    const sid = randomUUID();
    await store.set(sid, plain({ userId: 'ann', n: 1 }));
    const key = store.core.rules.keys.recordOf(store.core.rules.keys.idOf(sid));
    const client = rig.redis.client('sessions');
    const record = readRecord((await client.get(key)) ?? '');
    expect(record).toMatchObject({ kind: 'session', user: 'ann', idleMs: 60_000, successor: undefined });
    expect(record?.generation).toMatch(/^\d{16}n/);
    expect(record?.endsMs).toBe((record?.createdMs ?? 0) + 1_000_000);
    const left = remainingMs(record as never, Number(record?.version) / 1_000) ?? 0;
    // The record knows microseconds, an expiry whole milliseconds.
    expect(await client.pttl(key)).toBeLessThanOrEqual(Math.ceil(left));
    expect(JSON.parse(record?.payload ?? '')).toMatchObject({ userId: 'ann', n: 1 });
    expect(await rig.admin().client('sessions').keys(`${prefix}*`)).toHaveLength(3); // the record, its user's generation and index
  });
});
