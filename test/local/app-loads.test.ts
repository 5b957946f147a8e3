import { execFile } from 'node:child_process';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { appFolder, ensureBuilt } from '../built';

const run = promisify(execFile);

/**
 * Microsoft's worker in few lines, written without the local host: what it intercepts, how it finds the entry points,
 * and what it does with them. It ends by itself only if loading the app has opened nothing.
 */
const WORKER = `
  const { globSync, readFileSync } = require('node:fs');
  const { join } = require('node:path');
  const Module = require('node:module');
  const functions = []; const hooks = []; let model; let locked = false;
  const core = { version: '3.14.1', hostVersion: '4.1000.0', log() {}, Disposable: class { dispose() {} },
    setProgrammingModel: (m) => { model = m; }, getProgrammingModel: () => model,
    registerHook: (name) => { hooks.push(name); return new core.Disposable(); },
    registerFunction: (metadata, callback) => { if (locked) throw new Error('locked');
      functions.push({ metadata, handler: typeof callback }); return new core.Disposable(); } };
  Module.prototype.require = new Proxy(Module.prototype.require, { apply(target, self, args) {
    return args[0] === '@azure/functions-core' ? core : Reflect.apply(target, self, args); } });
  const dir = process.cwd();
  const { main } = JSON.parse(readFileSync(join(dir, 'package.json'), 'utf8'));
  const files = globSync(main, { cwd: dir });
  if (files.length === 0) throw new Error('no entry point');
  for (const file of files) require(join(dir, file));
  locked = true;
  model.getCapabilities({}).then((capabilities) =>
    console.log(JSON.stringify({ functions, hooks, model: model.name, capabilities })));
`;

let app: string;

/** The app as it is deployed: the built folder, and no node_modules anywhere above. */
beforeAll(async () => {
  ensureBuilt();
  app = await mkdtemp(join(tmpdir(), 'steward-app-'));
  await cp(appFolder, app, { recursive: true });
});
afterAll(() => rm(app, { recursive: true, force: true }));

const well = { REDIS_URL: 'redis://127.0.0.1:1', AzureWebJobsStorage: 'UseDevelopmentStorage=true' };

const load = (env: Record<string, string> = well) =>
  run(process.execPath, ['--no-warnings', '-e', WORKER], {
    cwd: app,
    env: { PATH: process.env.PATH, ...env },
    timeout: 30_000,
  });

test('the deployed app loads by the rules of the worker, registers its functions, and opens nothing', async () => {
  const { stdout } = await load();
  const { functions, hooks, model } = JSON.parse(stdout);
  expect(model).toBe('@azure/functions');
  expect(hooks).toContain('appTerminate');
  const triggers = Object.fromEntries(
    functions.map(({ metadata }: { metadata: { name: string; bindings: Record<string, { type: string }> } }) => [
      metadata.name,
      Object.values(metadata.bindings)[0],
    ]),
  );
  const timer = (schedule: string) => expect.objectContaining({ type: 'timerTrigger', schedule });
  const queue = (queueName: string) =>
    expect.objectContaining({ type: 'queueTrigger', queueName, connection: 'AzureWebJobsStorage' });
  expect(triggers).toMatchObject({
    flushWrites: queue('write-behind'),
    refreshEntries: queue('refresh-ahead'),
    sweepShard: queue('sweep'),
    notifyAlerts: queue('alert-notifications'),
    drainPoison: timer('0 */5 * * * *'),
    planRefreshes: timer('30 * * * * *'),
    planSweep: timer('0 0 * * * *'),
    collectMetrics: timer('0 * * * * *'),
    evaluateAlerts: timer('20 * * * * *'),
  });
  expect(functions.every(({ handler }: { handler: string }) => handler === 'function')).toBe(true);
});

test('a wrong setting blocks nothing: the app registers, and says which in one line', async () => {
  const { stdout, stderr } = await load({ ...well, REDIS_DEADLINE_MS: 'soon' });
  const names = JSON.parse(stdout).functions.map(({ metadata }: { metadata: { name: string } }) => metadata.name);
  expect(names).toEqual(expect.arrayContaining(['health', 'healthDetail', 'collectMetrics']));
  expect(JSON.parse(stderr)).toMatchObject({
    code: 'E_SETTINGS',
    faults: 'REDIS_DEADLINE_MS: expected a whole number from 1 to 60000, got "soon"',
  });
});
