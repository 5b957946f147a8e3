import { triggersOf } from '../../src/job';
import { readSettings } from '../../src/settings';
import { namesOf, registered, triggerOf, wellSet } from './registered';

describe('the built app, as a host sees it', () => {
  const registration = registered(wellSet);

  // A host that does not find `%NAME%` in the app settings disables the function and goes on.
  test('names no setting in a trigger: each is a literal, also with settings of its own', () => {
    const own = registered({ ...wellSet, SWEEP_SCHEDULE: '0 30 * * * *', SWEEP_QUEUE: 'sweep-of-mine' });
    expect(triggerOf(own, 'planSweep')).toMatchObject({ schedule: '0 30 * * * *' });
    expect(triggerOf(own, 'sweepShard')).toMatchObject({ queueName: 'sweep-of-mine' });
    for (const { functions } of [registration, own]) {
      expect(Object.keys(functions)).toHaveLength(16);
      const bindings = Object.values(functions).flatMap((it) => Object.values(it.bindings));
      expect(bindings.filter((binding) => JSON.stringify(binding).includes('%'))).toEqual([]);
    }
  });

  test('registers exactly the jobs that are watched, under the triggers that are watched', () => {
    const jobs = triggersOf(readSettings({}));
    const registeredJobs = [...namesOf(registration, 'timerTrigger'), ...namesOf(registration, 'queueTrigger')];
    expect(registeredJobs.sort()).toEqual(Object.keys(jobs).sort());
    for (const [name, trigger] of Object.entries(jobs)) expect(triggerOf(registration, name)).toMatchObject(trigger);
  });

  test.each([
    ['drainPoison', '0 */5 * * * *'],
    ['planRefreshes', '30 * * * * *'],
    ['planSweep', '0 0 * * * *'],
    ['collectMetrics', '0 * * * * *'],
    ['evaluateAlerts', '20 * * * * *'],
    ['reportPerformance', '0 10 6 * * *'],
  ])('%s runs on the timer %s', (name, schedule) => {
    expect(triggerOf(registration, name)).toMatchObject({ type: 'timerTrigger', schedule });
  });

  test.each([
    ['flushWrites', 'write-behind'],
    ['refreshEntries', 'refresh-ahead'],
    ['sweepShard', 'sweep'],
    ['notifyAlerts', 'alert-notifications'],
  ])('%s takes messages of the queue %s', (name, queueName) => {
    const connection = 'AzureWebJobsStorage';
    expect(triggerOf(registration, name)).toMatchObject({ type: 'queueTrigger', queueName, connection });
  });

  test.each([
    ['health', 'anonymous'],
    ['healthDetail', 'function'],
    ['metrics', 'function'],
    ['dashboard', 'function'],
    ['dashboardActions', 'admin'],
    ['selfCheck', 'function'],
  ])('%s answers over HTTP, with access level %s', (name, authLevel) => {
    expect(triggerOf(registration, name)).toMatchObject({ type: 'httpTrigger', authLevel });
  });
});
