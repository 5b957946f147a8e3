import { gainedSlots, isShort, judge, newShard } from '../../src/hygiene/engine/shard-state';
import { reportWorkItem } from '../../src/hygiene/engine/sweep-reports';
import { toSweepMessage } from '../../src/hygiene/records/sweep-record';
import { isSound, ownLifeMs } from '../../src/hygiene/sessions/session-rules';
import { DutyCycle, nextCount } from '../../src/hygiene/throttle/duty-cycle';
import { quietHours } from '../../src/hygiene/throttle/quiet-hours';
import type { ServerLoad } from '../../src/hygiene/throttle/server-load';
import { toServerLoad } from '../../src/hygiene/throttle/server-load';
import { allowedDuty, stopReason } from '../../src/hygiene/throttle/throttle-limits';
import { type Counters, parseInfo } from '../../src/redis';

const load = (given: Partial<ServerLoad> = {}): ServerLoad => ({
  runId: 'r1',
  nodeId: '',
  role: 'master',
  failingOver: false,
  slots: '',
  slotsToBe: '',
  keys: 1_000,
  expired: 0,
  evicted: 0,
  usedBytes: 0,
  capacityBytes: 0,
  cpuSeconds: 0,
  latencyMs: 1,
  ...given,
});

describe('a message', () => {
  const run = { pass: 'sessions', passId: 'p', dryRun: false } as const;
  const record = { ...newShard(run, 'sessions@a:1', {}, 0), seq: 4 };
  const message = { pass: 'sessions', passId: 'p', shard: 'sessions@a:1', seq: 4 } as const;

  test('of the seq that is due runs', () => {
    expect(judge(record, message, 10).verdict).toBe('run');
  });
  test('of a seq that another delivery works on waits until its claim ends', () => {
    expect(judge({ ...record, claimedUntil: 50 }, message, 10)).toEqual({ verdict: 'wait', untilMs: 50 });
    expect(judge({ ...record, claimedUntil: 50 }, message, 50).verdict).toBe('run');
  });
  test('one seq behind only queues the next again', () => {
    expect(judge(record, { ...message, seq: 3 }, 10)).toEqual({ verdict: 'queue-next', message });
  });
  test.each([
    ['two seqs behind', { seq: 2 }],
    ['of another run', { passId: 'old' }],
    ['from the future', { seq: 5 }],
  ])('%s is dropped', (_, change) => {
    expect(judge(record, { ...message, ...change }, 10).verdict).toBe('drop');
  });
  test('of a finished shard, or of none, is dropped', () => {
    expect(judge({ ...record, status: 'finished' }, message, 10).verdict).toBe('drop');
    expect(judge(undefined, message, 10).verdict).toBe('drop');
  });
  test.each([null, 7, 'text', {}, { ...message, pass: 'other' }, { ...message, seq: '4' }, { ...message, seq: 1.5 }])(
    'that is %j is none',
    (value) => expect(toSweepMessage(value)).toBeUndefined(),
  );
  test('may hold fields of a later version', () => {
    expect(toSweepMessage({ ...message, later: 1 })).toEqual(message);
  });
});

describe('the walk is short', () => {
  const record = (examined: number) => ({
    ...newShard({ pass: 'sessions', passId: 'p', dryRun: false }, 's', {}, 0),
    baseline: { keys: 1_000, expired: 5, evicted: 7 },
    examined,
  });
  test.each([
    [1_000, {}, false],
    [990, {}, false],
    [989, {}, true],
    [900, { expired: 105 }, false],
    [900, { evicted: 107 }, false],
    [889, { expired: 105 }, true],
    [500, { keys: 500 }, false],
    [0, { keys: 0 }, false],
  ])('%p examined of 1000, at the end %j: %p', (examined, end, short) => {
    expect(isShort(record(examined), load({ expired: 5, evicted: 7, ...end }))).toBe(short);
  });
});

test.each([
  ['0-100', '0-100', false],
  ['0-100', '0-50', false],
  ['0-100', '0-101', true],
  ['0-100 200', '0-100 200 300-301', true],
  ['', '5', true],
  ['0-16383', '', false],
])('slots %p then %p: gained %p', (before, after, gained) => {
  expect(gainedSlots(before, after)).toBe(gained);
});

describe('the duty cycle', () => {
  test('sets COUNT to what fills the target, at once downwards, by 25 upwards, within 50 to 1000', () => {
    expect(nextCount(400, 1_000, 500)).toBe(200);
    expect(nextCount(400, 510, 500)).toBe(392);
    expect(nextCount(400, 490, 500)).toBe(408);
    expect(nextCount(400, 100, 500)).toBe(425);
    expect(nextCount(60, 10_000, 500)).toBe(50);
    expect(nextCount(990, 0, 500)).toBe(1_000);
  });
  test('asks for shorter batches where few readers meet one, and takes one slow batch for chance', () => {
    const full = new DutyCycle(1);
    expect([750, 3_000, 750, 3_000, 3_000].map((micros) => full.nextCount(400, micros))).toEqual([
      ...[400, 400, 400, 400, 100],
    ]);
    expect(new DutyCycle(0.1).nextCount(400, 250)).toBe(400);
    expect(new DutyCycle(0.1).nextCount(400, 500)).toBe(200);
  });
  test('rests nine times as long as pages take at a duty of 10 %, in whole timers', () => {
    const cycle = new DutyCycle(0.1);
    let rested = 0;
    for (let batch = 0; batch < 1_000; batch += 1) {
      const rest = cycle.restAfter(50);
      if (rest > 0) expect(rest).toBeGreaterThanOrEqual(1);
      rested += rest;
    }
    expect(rested).toBeCloseTo(450, 0);
  });
  test('never rests at a duty of 1', () => {
    expect(new DutyCycle(1).restAfter(1_000_000)).toBe(0);
  });
});

describe('throttle limits', () => {
  const limits = { maxDuty: 0.1, maxEvictionsPerSecond: 100, maxLatencyMs: 50 };
  test.each([
    ['nothing', {}, undefined],
    ['a failover in preparation', { failingOver: true }, 'failover'],
    ['a demotion', { role: 'replica' as const }, 'failover'],
    ['evictions at the limit', { evicted: 200 }, undefined],
    ['evictions above it', { evicted: 201 }, 'evictions'],
    ['one slow answer', { latencyMs: 500 }, undefined],
  ])('%s stops for %p', (_, after, reason) => {
    expect(stopReason(load(), load(after), 2_000, limits)).toBe(reason);
  });
  test('two slow answers in a row stop', () => {
    expect(stopReason(load({ latencyMs: 51 }), load({ latencyMs: 400 }), 2_000, limits)).toBe('latency');
  });
  test.each([
    [0, 0.1],
    [0.5, 0.1],
    [0.75, 0.05],
    [0.95, 0.01],
    [1, 0.002],
  ])('with others using %p of the server, the duty is %p', (others, duty) => {
    const after = load({ cpuSeconds: others * 2 + 0.2 });
    expect(allowedDuty(load(), after, 2_000, 200_000, 0.1)).toBeCloseTo(duty, 5);
  });
});

describe('quiet hours', () => {
  const at = (text: string) => Date.parse(text);
  const HOUR = 3_600_000;
  test('none are never quiet', () => {
    expect(quietHours([], 'UTC').leftMs(at('2026-11-23T12:00Z'))).toBe(0);
  });
  test('end when their range does, to the millisecond', () => {
    const quiet = quietHours(['07:00-09:30'], 'UTC');
    expect(quiet.leftMs(at('2026-11-23T06:59:59.999Z'))).toBe(0);
    expect(quiet.leftMs(at('2026-11-23T07:00:00Z'))).toBe(2.5 * HOUR);
    expect(quiet.leftMs(at('2026-11-23T09:29:59.500Z'))).toBe(500);
    expect(quiet.leftMs(at('2026-11-23T09:30:00Z'))).toBe(0);
  });
  test('may pass midnight, and may touch', () => {
    const quiet = quietHours(['22:00-01:00', '01:00-02:00'], 'UTC');
    expect(quiet.leftMs(at('2026-11-23T23:00Z'))).toBe(3 * HOUR);
    expect(quiet.leftMs(at('2026-11-24T01:30Z'))).toBe(HOUR / 2);
    expect(quiet.leftMs(at('2026-11-24T21:59Z'))).toBe(0);
  });
  test('follow the clock of their zone, daylight saving included', () => {
    const quiet = quietHours(['08:00-10:00'], 'Europe/Berlin');
    expect(quiet.leftMs(at('2026-07-01T06:00Z'))).toBe(2 * HOUR);
    expect(quiet.leftMs(at('2026-12-01T07:00Z'))).toBe(2 * HOUR);
    expect(quiet.leftMs(at('2026-12-01T06:30Z'))).toBe(0);
    // 25 October 2026, 03:00 becomes 02:00: the hour is there twice.
    const night = quietHours(['02:00-04:00'], 'Europe/Berlin');
    expect(night.leftMs(at('2026-10-25T00:00Z'))).toBe(3 * HOUR);
  });
  test.each([['7-9'], ['07:00'], ['25:00-26:00'], ['07:60-08:00']])('%p is refused', (range) => {
    expect(() => quietHours([range], 'UTC')).toThrow(expect.objectContaining({ code: 'E_QUIET_HOURS' }));
  });
  test('an unknown zone is refused', () => {
    expect(() => quietHours([], 'Mars/Base')).toThrow(expect.objectContaining({ code: 'E_QUIET_HOURS' }));
  });
});

describe('the server load', () => {
  test('of a cluster node name it, its slots and those that arrive', () => {
    const nodes =
      'aaa 10.0.0.1:6379@16379 master - 0 0 2 connected 5461-10922\n' +
      'bbb 10.0.0.2:6379@16379 myself,master - 0 0 1 connected 0-5460 7000 [5461-<-aaa] [12->-aaa]\n';
    const info = parseInfo('run_id:r\r\nrole:master\r\nexpired_keys:3\r\nevicted_keys:4\r\n');
    expect(toServerLoad(info, 9, nodes, 2)).toMatchObject({
      nodeId: 'bbb',
      slots: '0-5460 7000',
      slotsToBe: '0-5460 7000 5461',
      keys: 9,
      expired: 3,
      evicted: 4,
    });
  });
  test.each([
    ['master_failover_state:waiting-for-sync', true],
    ['master_failover_state:no-failover', false],
    ['loading:1', true],
    ['', false],
  ])('%p: failing over %p', (line, failingOver) => {
    expect(toServerLoad(parseInfo(`role:master\r\n${line}\r\n`), 0, '', 0).failingOver).toBe(failingOver);
  });
});

describe('a record', () => {
  const now = 1_700_000_000_000;
  const ours = (ends: number, seen: number, idle: number) =>
    `cs1 s ${'0'.repeat(16)} ${[now, ends, seen, idle, now].map((ms) => String(ms).padStart(13, '0')).join(' ')} ${'-'.repeat(39)}\n{}\n{"a":1}`;
  test.each([
    ['the idle time', ours(now + 9_000_000, now - 1_000, 60_000), 59_000],
    ['the end where it is sooner', ours(now + 5_000, now, 60_000), 5_000],
    ['the end where it may idle for ever', ours(now + 5_000, now, 0), 5_000],
    ['a second where its time is up', ours(now - 5_000, now, 60_000), 1_000],
    ["a cookie's maxAge", '{"cookie":{"originalMaxAge":1234,"path":"/"}}', 1_234],
    ['nothing where a cookie has none', '{"cookie":{"originalMaxAge":null}}', undefined],
    ['nothing where it is damaged', 'cs1 s 12 xx', undefined],
  ])('claims %s', (_, text, ms) => {
    expect(ownLifeMs(text, now)).toBe(ms);
  });
  test('is sound when it is one of ours or JSON', () => {
    expect(isSound(ours(now, now, 0))).toBe(true);
    expect(isSound('{"a":1}')).toBe(true);
    for (const text of ['', 'text', '[1]', '{"a":', 'cs1 s 12']) expect(isSound(text)).toBe(false);
  });
});

test('a work item that reached no server says so', () => {
  const message = { pass: 'sessions', passId: 'p', shard: 'sessions@a', seq: 1 } as const;
  const result = { outcome: 'paused', reason: 'unreachable', examined: 0, serverMicros: 0, changes: {} } as const;
  const counters = { add: () => {}, set: () => {}, flush: async () => {} } as unknown as Counters;
  const report = (examined: number) =>
    reportWorkItem(message, { ...result, examined, record: undefined } as never, undefined, counters);
  expect(report(0).failedWith).toBe('E_REDIS_UNAVAILABLE');
  expect(report(7).failedWith).toBeUndefined();
});
