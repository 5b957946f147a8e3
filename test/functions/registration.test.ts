import { execFileSync } from 'node:child_process';

/**
 * The library caches whether it runs under a host at its first call, so the app is loaded in a process of its own, with
 * the module that Microsoft's worker puts in place.
 */
function registered(): Record<string, { bindings: Record<string, Record<string, unknown>> }> {
  const script = `
    const { Module } = require('node:module');
    const functions = {};
    const load = Module.prototype.require;
    Module.prototype.require = function (id, ...rest) {
      if (id !== '@azure/functions-core') return load.call(this, id, ...rest);
      return {
        version: '3', hostVersion: '4.1000.0',
        registerHook: () => ({ dispose() {} }),
        setProgrammingModel: () => {}, getProgrammingModel: () => {}, log: () => {},
        registerFunction: (metadata) => { functions[metadata.name] = metadata; return { dispose() {} }; },
        Disposable: class { dispose() {} },
      };
    };
    require('./dist/main.js');
    process.stdout.write(JSON.stringify(functions));
    process.exit(0);
  `;
  return JSON.parse(execFileSync(process.execPath, ['-e', script], { encoding: 'utf8' }));
}

const of = (functions: ReturnType<typeof registered>, name: string) =>
  Object.values(functions[name]?.bindings ?? {}).find((binding) => binding.direction === 'in');

describe('the built app, as a host sees it', () => {
  const functions = registered();

  test.each([
    ['drainPoison', '%DRAIN_POISON_SCHEDULE%'],
    ['planRefreshes', '%PLAN_REFRESHES_SCHEDULE%'],
    ['planSweep', '%SWEEP_SCHEDULE%'],
    ['collectMetrics', '%COLLECT_METRICS_SCHEDULE%'],
    ['evaluateAlerts', '%EVALUATE_ALERTS_SCHEDULE%'],
  ])('%s runs on the timer %s', (name, schedule) => {
    expect(of(functions, name)).toMatchObject({ type: 'timerTrigger', schedule });
  });

  test.each([
    ['flushWrites', '%WRITE_BEHIND_QUEUE%'],
    ['refreshEntries', '%REFRESH_AHEAD_QUEUE%'],
    ['sweepShard', '%SWEEP_QUEUE%'],
    ['notifyAlerts', '%ALERT_QUEUE%'],
  ])('%s takes messages of the queue %s', (name, queueName) => {
    expect(of(functions, name)).toMatchObject({ type: 'queueTrigger', queueName, connection: 'AzureWebJobsStorage' });
  });

  test.each([
    ['health', 'anonymous'],
    ['metrics', 'function'],
    ['dashboard', 'function'],
    ['selfCheck', 'function'],
  ])('%s answers over HTTP, with access level %s', (name, authLevel) => {
    expect(of(functions, name)).toMatchObject({ type: 'httpTrigger', authLevel });
  });
});
