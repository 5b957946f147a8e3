import { type TimerInfo, TimerListener, type TimerListenerOptions } from '../../local/host/timer-listener';
import { NEVER, NEVER_GIVEN, type TimerStatus } from '../../local/host/timer-status';
import { parseSchedule } from '../../src/settings/ncrontab';

const MINUTE = 60_000;
const at = (time: string) => Date.parse(`2026-11-23T${time}Z`);
const iso = (time: string) => `2026-11-23T${time}+00:00`;

/** A timer whose time is ours: `turn` lets the next wait end, at the moment it was meant for plus `lateMs`. */
function timer(start: number, kept?: TimerStatus, options: Partial<TimerListenerOptions> = {}) {
  let now = start;
  let wait: { ms: number; callback: () => void } | undefined;
  const statuses: (TimerStatus | undefined)[] = [kept];
  const runs: { at: string; info: TimerInfo }[] = [];
  let onRun: () => void = () => {};
  const listener = new TimerListener({
    name: 't',
    schedule: parseSchedule('0 */5 * * * *'),
    useMonitor: true,
    runOnStartup: false,
    clock: { now: () => now },
    after: (ms, callback) => {
      wait = { ms, callback };
      return () => {
        wait = undefined;
      };
    },
    store: {
      read: async () => statuses.at(-1),
      write: async (_, status) => {
        statuses.push(status);
      },
    },
    run: async (info) => {
      runs.push({ at: new Date(now).toISOString().slice(11, 19), info });
      onRun();
    },
    warn: () => {},
    ...options,
  });
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  return {
    listener,
    runs,
    statuses,
    get waitMs() {
      return wait?.ms;
    },
    duringRun: (work: () => void) => {
      onRun = work;
    },
    pass: (ms: number) => {
      now += ms;
    },
    start: async () => {
      listener.start();
      await settle();
    },
    turn: async (lateMs = 0) => {
      now += (wait?.ms ?? 0) + lateMs;
      wait?.callback();
      await settle();
    },
  };
}

test('the first start keeps when it is next due, and waits for that', async () => {
  const it = timer(at('10:02:00'));
  await it.start();
  expect(it.runs).toEqual([]);
  expect(it.waitMs).toBe(3 * MINUTE);
  expect(it.statuses.at(-1)).toEqual({ Last: NEVER, Next: iso('10:05:00'), LastUpdated: iso('10:02:00') });
});

test('the first run is given a status that was never updated, and keeps the next one', async () => {
  const it = timer(at('10:02:00'));
  await it.start();
  await it.turn();
  expect(it.runs).toEqual([
    {
      at: '10:05:00',
      info: {
        Schedule: { AdjustForDST: true },
        ScheduleStatus: { Last: NEVER_GIVEN, Next: iso('10:05:00'), LastUpdated: NEVER_GIVEN },
        IsPastDue: false,
      },
    },
  ]);
  expect(it.statuses.at(-1)).toEqual({ Last: iso('10:05:00'), Next: iso('10:10:00'), LastUpdated: iso('10:05:00') });
});

test('ticks missed while the host was down are made up for by one run, past due', async () => {
  const kept = { Last: iso('10:05:00'), Next: iso('10:10:00'), LastUpdated: iso('10:05:00') };
  const it = timer(at('10:31:00'), kept);
  await it.start();
  expect(it.runs.map(({ at: time, info }) => [time, info.IsPastDue])).toEqual([['10:31:00', true]]);
  expect(it.waitMs).toBe(4 * MINUTE);
});

test('a tick missed after the very first start, before any run, is past due too', async () => {
  const it = timer(at('10:31:00'), { Last: NEVER, Next: iso('10:05:00'), LastUpdated: iso('10:02:00') });
  await it.start();
  expect(it.runs.map(({ info }) => info.IsPastDue)).toEqual([true]);
});

test('a schedule that was changed is past due for nothing of the time before', async () => {
  const it = timer(at('10:31:00'), { Last: iso('10:00:00'), Next: iso('11:00:00'), LastUpdated: iso('10:00:00') });
  await it.start();
  expect(it.runs).toEqual([]);
  expect(it.statuses.at(-1)?.Next).toBe(iso('10:35:00'));
});

test('a schedule that was changed before its next occurrence keeps the time that it counts from', async () => {
  const it = timer(at('10:03:00'), { Last: iso('10:00:30'), Next: iso('11:00:00'), LastUpdated: iso('10:00:30') });
  await it.start();
  expect(it.statuses.at(-1)).toEqual({ Last: NEVER, Next: iso('10:05:00'), LastUpdated: iso('10:00:30') });
  expect(it.waitMs).toBe(2 * MINUTE);
});

test.each([
  ['as the SDK writes it', NEVER, '2026-11-23T10:02:00.1234567+00:00', iso('10:05:00')],
  [
    'as this host wrote it before',
    '0001-01-01T00:00:00+00:00',
    '2026-11-23T10:02:00.000+00:00',
    '2026-11-23T10:05:00.000+00:00',
  ],
])('a status %s is understood', async (_, Last, LastUpdated, Next) => {
  const it = timer(at('10:31:00'), { Last, Next, LastUpdated });
  await it.start();
  expect(it.runs.map(({ info }) => info.IsPastDue)).toEqual([true]);
});

test('a run by hand is given the status that is kept, and leaves it as it is', async () => {
  const it = timer(at('10:02:00'));
  await it.start();
  await it.listener.runByHand();
  const kept = { Last: NEVER, Next: iso('10:05:00'), LastUpdated: iso('10:02:00') };
  expect(it.runs.map(({ info }) => info.ScheduleStatus)).toEqual([kept]);
  expect(it.statuses.at(-1)).toEqual(kept);
});

test('a run longer than the interval is followed by one at once, not past due, the others left out', async () => {
  const it = timer(at('10:02:00'));
  await it.start();
  it.duringRun(() => {
    it.pass(12 * MINUTE);
    it.duringRun(() => {});
  });
  await it.turn();
  expect(it.waitMs).toBe(0);
  await it.turn();
  expect(it.runs.map(({ at: time, info }) => [time, info.IsPastDue])).toEqual([
    ['10:05:00', false],
    ['10:17:00', false],
  ]);
  expect(it.waitMs).toBe(3 * MINUTE);
});

test('a wait that ends a moment early does not run the same occurrence twice', async () => {
  const it = timer(at('10:02:00'));
  await it.start();
  await it.turn(-3);
  expect(it.waitMs).toBe(5 * MINUTE + 3);
});

test('after a failing run the status advances and the schedule goes on', async () => {
  const it = timer(at('10:02:00'), undefined, { run: () => Promise.reject(new Error('no')) });
  await it.start();
  await it.turn();
  expect(it.statuses.at(-1)?.Last).toBe(iso('10:05:00'));
  expect(it.waitMs).toBe(5 * MINUTE);
});

test('a timer due more than once a minute keeps no status and is given none', async () => {
  const it = timer(at('10:02:00'), undefined, { schedule: parseSchedule('*/10 * * * * *') });
  await it.start();
  await it.turn();
  expect(it.runs[0]?.info.ScheduleStatus).toBeNull();
  expect(it.statuses).toEqual([undefined]);
});

test('useMonitor: false keeps no status', async () => {
  const it = timer(at('10:02:00'), undefined, { useMonitor: false });
  await it.start();
  await it.turn();
  expect(it.runs[0]?.info.ScheduleStatus).toBeNull();
});

test('runOnStartup runs at once, and then by the schedule', async () => {
  const it = timer(at('10:02:00'), undefined, { runOnStartup: true });
  await it.start();
  expect(it.runs.map(({ at: time, info }) => [time, info.IsPastDue])).toEqual([['10:02:00', false]]);
  expect(it.waitMs).toBe(3 * MINUTE);
});

test('a wait longer than a Node timer can hold is cut into pieces', async () => {
  const it = timer(at('10:02:00'), undefined, { schedule: parseSchedule('0 0 0 1 3 *') });
  await it.start();
  expect(it.waitMs).toBe(24 * 24 * 60 * MINUTE);
  await it.turn();
  expect(it.runs).toEqual([]);
  expect(it.waitMs).toBeGreaterThan(0);
});

test('a listener that cannot reach its storage tries again, a little later each time', async () => {
  let failing = 2;
  const it = timer(at('10:02:00'), undefined, {
    store: {
      read: async () => {
        failing -= 1;
        if (failing >= 0) throw new Error('away');
        return undefined;
      },
      write: async () => {},
    },
  });
  await it.start();
  expect(it.waitMs).toBe(1_000);
  await it.turn();
  expect(it.waitMs).toBe(2_000);
  await it.turn();
  expect(it.waitMs).toBe(3 * MINUTE - 3_000);
});

test('a stopped timer fires no more', async () => {
  const it = timer(at('10:02:00'));
  await it.start();
  await it.listener.stop();
  expect(it.waitMs).toBeUndefined();
});
