import { DAY, HOUR, MINUTE, SECOND } from '../../src/clock';
import { triggersOf } from '../../src/job';
import { type JobRun, type JobState, jobStates } from '../../src/monitoring/jobs';
import { settingsFor } from './support';

const triggers = triggersOf(settingsFor({ REPORT_SCHEDULE: '0 0 6 * * Mon-Fri' }));
type Job = keyof typeof triggers;
/** A Friday, 30 s after its minute. */
const NOW = Date.UTC(2026, 10, 27, 12, 0, 30);

function stateOf(job: Job, run: JobRun | undefined, waitingSeconds = 0, now = NOW): JobState {
  const trigger = triggers[job];
  const waiting = new Map('queueName' in trigger ? [[trigger.queueName, waitingSeconds]] : []);
  const states = jobStates({ triggers, runs: new Map(run ? [[job, run]] : []), waiting, now });
  return states.find((state) => state.job === job)!;
}
const succeeded = (ago: number): JobRun => ({ knownAt: 0, succeededAt: NOW - ago });

test('a timer is overdue once its schedule has come round three times since its last success', () => {
  expect(stateOf('collectMetrics', succeeded(25 * SECOND))).toMatchObject({
    isOverdue: false,
    detail: 'succeeded 25 s ago',
  });
  expect(stateOf('collectMetrics', succeeded(3 * MINUTE)).isOverdue).toBe(false);
  expect(stateOf('collectMetrics', succeeded(4 * MINUTE))).toMatchObject({
    ...{ isOverdue: true, ageSeconds: 240 },
    detail: 'succeeded 240 s ago; its schedule 0 * * * * * has come round 3 times since',
  });
  expect(stateOf('planSweep', succeeded(3 * HOUR)).isOverdue).toBe(false);
  expect(stateOf('planSweep', succeeded(3.1 * HOUR)).isOverdue).toBe(true);
});

test('a schedule with gaps is counted by its times, not by the hours between them', () => {
  const monday = NOW + 3 * DAY;
  const run = { knownAt: 0, succeededAt: NOW - 6 * HOUR };
  expect(stateOf('reportPerformance', run, 0, monday - 12 * HOUR).isOverdue).toBe(false);
  expect(stateOf('reportPerformance', run, 0, monday + DAY).isOverdue).toBe(false);
  expect(stateOf('reportPerformance', run, 0, monday + 2 * DAY).isOverdue).toBe(true);
});

test('a timer that never ran is measured from when it was first looked for', () => {
  expect(stateOf('collectMetrics', { knownAt: NOW - 2 * MINUTE })).toMatchObject({
    isOverdue: false,
    detail: 'never succeeded',
  });
  expect(stateOf('collectMetrics', { knownAt: NOW - 4 * MINUTE }).isOverdue).toBe(true);
  expect(stateOf('collectMetrics', undefined).isOverdue).toBe(false);
});

test('a timer that fails each time is overdue, and says with which error', () => {
  const run = { knownAt: 0, succeededAt: NOW - 10 * MINUTE, failedAt: NOW - 30 * SECOND, failedWith: 'E_DEADLINE' };
  expect(stateOf('evaluateAlerts', run).detail).toMatch(
    /^succeeded 600 s ago, failed 30 s ago \(E_DEADLINE\); its schedule/,
  );
});

test('the function of a queue is overdue only if a message has waited and nothing succeeded', () => {
  expect(stateOf('flushWrites', succeeded(3 * DAY)).isOverdue).toBe(false);
  expect(stateOf('flushWrites', succeeded(3 * DAY), 60).isOverdue).toBe(false);
  expect(stateOf('flushWrites', succeeded(10 * SECOND), 9_000).isOverdue).toBe(false);
  expect(stateOf('flushWrites', succeeded(10 * MINUTE), 600)).toMatchObject({
    isOverdue: true,
    detail: 'succeeded 600 s ago; a message has waited for 600 s',
  });
});

test('the function of a queue is overdue once its runs have failed for five minutes, whatever its messages waited', () => {
  const failed = (forMs: number, succeededAgo: number): JobRun => ({
    ...succeeded(succeededAgo),
    ...{ failedAt: NOW - SECOND, failingSince: NOW - SECOND - forMs, failedWith: 'E_REDIS_UNAVAILABLE' },
  });
  expect(stateOf('flushWrites', failed(4 * MINUTE, 3 * DAY)).isOverdue).toBe(false);
  expect(stateOf('flushWrites', failed(6 * MINUTE, 2 * MINUTE)).isOverdue).toBe(false);
  expect(stateOf('flushWrites', failed(6 * MINUTE, 0)).isOverdue).toBe(false);
  expect(stateOf('flushWrites', failed(6 * MINUTE, 7 * MINUTE))).toMatchObject({
    isOverdue: true,
    detail: 'succeeded 420 s ago, failed 1 s ago (E_REDIS_UNAVAILABLE); every run of 360 s failed',
  });
});

test('a clock that was set back makes nothing overdue', () => {
  expect(jobStates({ triggers, runs: new Map(), waiting: new Map(), now: 0 }).some(({ isOverdue }) => isOverdue)).toBe(
    false,
  );
  expect(stateOf('collectMetrics', succeeded(-1 * HOUR)).isOverdue).toBe(false);
});
