import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { bundle, testFolder } from './host-app';

/**
 * The contract with `@azure/functions`: what it registers is what the host reads. A newer library that registers
 * something else fails here, not somewhere in a host.
 */
const CODE = `
  import { installCoreModule, Registry } from './local/host/core-module';
  const registry = new Registry();
  installCoreModule(registry, () => {}, '4.0.0');
  const { app, output } = require('@azure/functions');
  app.timer('metrics', { schedule: '0 */5 * * * *', handler() {}, retry: { strategy: 'fixedDelay', delayInterval: 10_000, maxRetryCount: 2 } });
  app.storageQueue('flush', { queueName: 'flush', connection: 'AzureWebJobsStorage', handler() {},
    extraOutputs: [output.storageQueue({ queueName: 'flush', connection: 'AzureWebJobsStorage' })] });
  app.http('health', { methods: ['GET'], authLevel: 'function', route: 'health/{name?}', handler() {} });
  let unknown; try { registry.registerHook('noSuchHook', () => {}); } catch (error) { unknown = [error.name, error.isAzureFunctionsSystemError]; }
  console.log(JSON.stringify({ functions: [...registry.functions.values()].map((f) => f.metadata), unknown, model: registry.model.name }));
`;

test('functions are registered with the metadata that hosts read', async () => {
  const folder = await testFolder();
  try {
    const script = join(folder.path, 'register.cjs');
    await bundle({ code: CODE }, script);
    const { stdout } = await promisify(execFile)(process.execPath, [script], { cwd: folder.path });
    const deferred = { properties: { supportsDeferredBinding: 'false' } };
    const queue = { queueName: 'flush', connection: 'AzureWebJobsStorage' };
    expect(JSON.parse(stdout)).toEqual({
      functions: [
        {
          name: 'metrics',
          bindings: {
            timerTrigger46d30b375f: {
              schedule: '0 */5 * * * *',
              type: 'timerTrigger',
              name: 'timerTrigger46d30b375f',
              direction: 'in',
              ...deferred,
            },
          },
          retryOptions: {
            strategy: 'fixedDelay',
            delayInterval: { seconds: 10 },
            maxRetryCount: 2,
            retryStrategy: 'fixedDelay',
          },
        },
        {
          name: 'flush',
          bindings: {
            queueTriggerb7b02c40a4: {
              ...queue,
              type: 'queueTrigger',
              name: 'queueTriggerb7b02c40a4',
              direction: 'in',
              ...deferred,
            },
            queueOutput9728bb07e2: { ...queue, type: 'queue', direction: 'out', name: 'queueOutput9728bb07e2' },
          },
        },
        {
          name: 'health',
          bindings: {
            httpTrigger551c87346a: {
              methods: ['GET'],
              authLevel: 'function',
              route: 'health/{name?}',
              type: 'httpTrigger',
              name: 'httpTrigger551c87346a',
              direction: 'in',
              ...deferred,
            },
            $return: { type: 'http', name: 'httpOutput9a706511b1', direction: 'out' },
          },
        },
      ],
      unknown: ['RangeError', true],
      model: '@azure/functions',
    });
  } finally {
    await folder.remove();
  }
});
