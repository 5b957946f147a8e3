import { globSync, readFileSync } from 'node:fs';
import { InvalidationChannel } from '../../src/cache/local/invalidation-channel';
import { CACHE_PREFIX, companionKey, logicalKey, physicalKey } from '../../src/entities/key';
import { versionAt } from '../../src/entities/version';
import {
  dailyRecordName,
  shardRecordName,
  sweepRecordName,
  toSweepMessage,
} from '../../src/hygiene/records/sweep-record';
import { silentLogger } from '../../src/logger';
import { CHANNEL_PATTERNS, KEY_PATTERNS } from '../../src/redis/auth/acl';
import { COUNTERS_KEY } from '../../src/redis/counters';
import type { RedisHandle } from '../../src/redis/types';
import { decodeRefresh, encodeRefresh } from '../../src/refresh-ahead/refresh-message';
import { createSessionKeys } from '../../src/sessions/record/session-keys';
import { decodeMessage, encodeMessage, encodeRow } from '../../src/write-behind/journal/journal-message';

/**
 * The texts that two releases running side by side, and an upgrade, have to agree on: keys in Redis, queue messages, names of
 * blobs. To add a form, add it here as well. What is pinned elsewhere is named, not repeated:
 *
 * - the header of an entry: test/cache/entry/entry-format.test.ts, "is the documented one, field by field"
 * - a session's record: test/sessions/record.test.ts, "the layout is the documented one"
 * - a counter's field: test/redis/parts.test.ts, by `counterField`
 * - a sweep message in its queue: test/hygiene/jobs.test.ts, "a work item waits in the queue as base64 of JSON, …"
 * - a replayed and a drained journal message: test/write-behind/storage.test.ts; a held one: flusher.test.ts
 * - labels of the census: test/hygiene/census.test.ts
 */
const COMMENT = /\/\*\*.*?\*\/|^\s*--.*$/gms;
const sources = globSync('src/**/*.{ts,lua}').map((file) => readFileSync(file, 'utf8').replace(COMMENT, ''));

describe('keys in Redis', () => {
  test('of entries and their companions', () => {
    expect(CACHE_PREFIX).toBe('cache:');
    expect(physicalKey('user:profile:123:data')).toBe('cache:{user:profile:123:data}');
    expect(physicalKey('user:profile:a b{c}%')).toBe('cache:{user:profile:a%20b%7Bc%7D%25}');
    expect(companionKey('user:profile:1', 'lease')).toBe('cache:{user:profile:1}:lease');
    expect(companionKey('user:profile:1', 'refresh')).toBe('cache:{user:profile:1}:refresh');
    expect(companionKey('user:profile:1', 'settled')).toBe('cache:{user:profile:1}:settled');
    expect(logicalKey('cache:{user:profile:1}:lease')).toBe('user:profile:1');
  });

  test('of sessions, their users’ indexes and generations', () => {
    const keys = createSessionKeys('sess:', true);
    const hashed = 'ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0';
    expect(keys.recordOf(keys.idOf('abc'))).toBe(`sess:${hashed}`);
    expect(keys.foreignOf('abc')).toBe('sess:abc');
    expect(keys.indexOf('abc')).toBe(`sess:user:{${hashed}}:sessions`);
    expect(keys.loginGenerationOf('abc')).toBe(`sess:user:{${hashed}}:generation`);
    expect(createSessionKeys('app:', false).recordOf('abc')).toBe('app:abc');
  });

  test('of counters', () => expect(COUNTERS_KEY).toBe('work:{counters}'));

  test('that rights and channels are given for', () => {
    expect(KEY_PATTERNS).toEqual(['sess:*', 'cache:*', 'work:*']);
    expect(CHANNEL_PATTERNS).toEqual(['cache:*']);
  });

  /** Made where they are used: each of these stands in the source, whatever the constants around it are called. */
  test.each([
    ['generation of a tag', 'epoch:{t:'],
    ['generation of a prefix', 'epoch:{p:'],
    ['memoized functions', "'memo:'"],
    ['the Keyv adapter', '`keyv:$' + '{name}:k:`'],
    ['refreshes that are not yet due', "'work:{refresh}:later'"],
    ['refreshes that are due', "'work:{refresh}:due'"],
    ['refreshes that are under way', "'work:{refresh}:claimed'"],
    ['ends of the entries’ lives', "'work:{refresh}:ends'"],
    ['reads of each key', "'work:{refresh}:heat'"],
    ['refreshed entries that nobody has read yet', "'work:{refresh}:fresh'"],
    ['what of the minute’s budget is spent', "'work:{refresh}:spent'"],
    ['breakers of the sources', "'work:{refresh}:breakers'"],
    ['the channel of changes', "'cache:changed'"],
  ])('of %s: %s', (_, text) => {
    expect(sources.filter((source) => source.includes(text))).not.toEqual([]);
  });

  test('stand in no other form in the source', () => {
    const literals = sources.flatMap((text) => [...text.matchAll(/['`]((?:work|memo|keyv|cache:epoch):[^'`]*)['`]/g)]);
    expect([...new Set(literals.map(([, key]) => key))].sort()).toEqual(
      [
        ...['cache:epoch:', 'keyv:$' + '{name}:k:', 'memo:', 'work:*', 'work:{counters}', 'work:{doctor}'],
        ...['breakers', 'claimed', 'due', 'ends', 'fresh', 'heat', 'later', 'spent'].map(
          (it) => `work:{refresh}:${it}`,
        ),
      ].sort(),
    );
  });
});

describe('messages', () => {
  const text = (message: string) => Buffer.from(message, 'base64').toString('utf8');

  test('of the journal', () => {
    const version = versionAt(1_790_000_000_000_000, 7);
    const rows = [
      { key: 'user:profile:1', version, value: '{"a":1}', acceptedAt: 1_790_000_000_123 },
      { key: 'user:profile:2', version, value: null, acceptedAt: 1_790_000_000_124 },
      { key: 'user:profile:3', version, value: { blob: 'claims/x', bytes: 70_000 }, acceptedAt: 1_790_000_000_125 },
    ];
    const message = encodeMessage({ attempts: 2, heldSince: 1_790_000_000_000, drained: true }, rows.map(encodeRow));
    expect(text(message)).toBe(
      '{"format":1,"attempts":2,"heldSince":1790000000000,"drained":1,"rows":[' +
        `["user:profile:1","${version}","{\\"a\\":1}",1790000000123],` +
        `["user:profile:2","${version}",null,1790000000124],` +
        `["user:profile:3","${version}",{"blob":"claims/x","bytes":70000},1790000000125]]}`,
    );
    expect(decodeMessage(text(message))).toMatchObject({ kind: 'rows', message: { attempts: 2, rows } });
  });

  test('of refresh-ahead', () => {
    const message = { format: 1, entity: 'page:home', keys: [['page:home:1', 1_790_000_000_000]] } as const;
    expect(text(encodeRefresh(message))).toBe(
      '{"format":1,"entity":"page:home","keys":[["page:home:1",1790000000000]]}',
    );
    expect(decodeRefresh(JSON.parse(text(encodeRefresh(message))))).toEqual(message);
  });

  test('of sweeps', () => {
    const message = { pass: 'sessions', passId: 'p', shard: 'sessions@127.0.0.1:1', seq: 3 };
    expect(toSweepMessage(message)).toEqual(message);
  });

  test('on the channel of changes, to the local layers of other processes', () => {
    const published: string[][] = [];
    const client = () => ({ publish: async (...args: string[]) => published.push(args) });
    const changes = new InvalidationChannel(
      { client } as unknown as RedisHandle,
      silentLogger,
      () => {},
      () => {},
    );
    changes.publish('user:profile:1');
    changes.publish();
    expect(published.map(([channel]) => channel)).toEqual(['cache:changed', 'cache:changed']);
    const from = expect.stringMatching(/^[\w-]{8}$/);
    const messages = published.map(([, message]) => JSON.parse(message ?? ''));
    expect(messages).toEqual([{ from, key: 'user:profile:1' }, { from }]);
  });
});

test('names of the sweeps’ blobs', () => {
  expect(sweepRecordName('census')).toBe('census/pass.json');
  expect(shardRecordName('sessions', 'sessions@10.0.0.1:6379')).toBe('sessions/shard-sessions~4010.0.0.1~3A6379.json');
  expect(dailyRecordName('census', new Date(Date.UTC(2026, 10, 28)))).toBe('census/2026-11-28.json');
});
