import { execFileSync } from 'node:child_process';

/**
 * The library caches whether it runs under a host at its first call, so the app is loaded in a process of its own, with
 * the module that Microsoft's worker puts in place.
 */
function registered(
  env: Record<string, string> = {},
): Record<string, { bindings: Record<string, Record<string, unknown>> }> {
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
    require('./dist/app/main.js');
    process.stdout.write(JSON.stringify(functions));
    process.exit(0);
  `;
  return JSON.parse(execFileSync(process.execPath, ['-e', script], { encoding: 'utf8', env }));
}

const of = (functions: ReturnType<typeof registered>, name: string) =>
  Object.values(functions[name]?.bindings ?? {}).find((binding) => binding.direction === 'in');

describe('the built app, as a host sees it', () => {
  const functions = registered();

  // A host that does not find `%NAME%` in the app settings disables the function and goes on.
  test('names no setting in a trigger: each is a literal, also with settings of its own', () => {
    const own = registered({ SWEEP_SCHEDULE: '0 30 * * * *', SWEEP_QUEUE: 'sweep-of-mine' });
    expect(of(own, 'planSweep')).toMatchObject({ schedule: '0 30 * * * *' });
    expect(of(own, 'sweepShard')).toMatchObject({ queueName: 'sweep-of-mine' });
    for (const registration of [functions, own]) {
      expect(Object.keys(registration).length).toBeGreaterThanOrEqual(15);
      const bindings = Object.values(registration).flatMap((it) => Object.values(it.bindings));
      expect(bindings.filter((binding) => JSON.stringify(binding).includes('%'))).toEqual([]);
    }
  });

  test.each([
    ['drainPoison', '0 */5 * * * *'],
    ['planRefreshes', '30 * * * * *'],
    ['planSweep', '0 0 * * * *'],
    ['collectMetrics', '0 * * * * *'],
    ['evaluateAlerts', '20 * * * * *'],
  ])('%s runs on the timer %s', (name, schedule) => {
    expect(of(functions, name)).toMatchObject({ type: 'timerTrigger', schedule });
  });

  test.each([
    ['flushWrites', 'write-behind'],
    ['refreshEntries', 'refresh-ahead'],
    ['sweepShard', 'sweep'],
    ['notifyAlerts', 'alert-notifications'],
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
