import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { version } from '../../package.json';
import { ensureBuilt, packageFolder } from '../built';

/** The package as others get it: packed, installed in a project of its own, used from CommonJS, ESM and TypeScript. */
describe('the packed tarball in a foreign project', () => {
  let project: string;
  const run = (command: string, args: readonly string[], cwd = project) =>
    execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

  beforeAll(() => {
    project = mkdtempSync(join(tmpdir(), 'steward-foreign-'));
    ensureBuilt();
    run('npm', ['pack', '--ignore-scripts', '--loglevel=error', '--pack-destination', project], packageFolder);
    const tarball = readdirSync(project).find((name) => name.endsWith('.tgz'));
    mkdirSync(join(project, 'app'));
    project = join(project, 'app');
    writeFileSync(join(project, 'package.json'), JSON.stringify({ name: 'foreign', private: true, main: 'entry.js' }));
    run('npm', [
      'install',
      `../${tarball}`,
      '--ignore-scripts',
      '--omit=optional',
      '--prefer-offline',
      '--no-audit',
      '--no-fund',
      '--loglevel=error',
    ]);
  }, 300_000);

  afterAll(() => rmSync(resolve(project, '..'), { recursive: true, force: true }));

  test('CommonJS requires it', () => {
    const script =
      "const c = require('cache-steward'); console.log(typeof c.createCache, typeof c.createSessionStore);";
    expect(run(process.execPath, ['-e', script]).trim()).toBe('function function');
  });

  test('ESM imports its names', () => {
    const script =
      "import { createCache, defineEntity } from 'cache-steward'; console.log(typeof createCache, typeof defineEntity);";
    expect(run(process.execPath, ['--input-type=module', '-e', script]).trim()).toBe('function function');
  });

  test('a team registers the jobs with entities of its own repository', () => {
    writeFileSync(
      join(project, 'entry.js'),
      `const { registerJobs } = require('cache-steward/functions');
       const { defineEntity } = require('cache-steward');
       registerJobs({ entities: [defineEntity({ name: 'order:summary', load: async () => ({ total: 1 }) })] });`,
    );
    const host = `
      const { Module } = require('node:module'); const names = []; const load = Module.prototype.require;
      Module.prototype.require = function (id, ...rest) {
        if (id !== '@azure/functions-core') return load.call(this, id, ...rest);
        return { version: '3', hostVersion: '4', registerHook: () => ({ dispose() {} }), setProgrammingModel() {},
          getProgrammingModel() {}, log() {}, registerFunction: (m) => { names.push(m.name); return { dispose() {} }; },
          Disposable: class { dispose() {} } };
      };
      require('./entry.js'); console.log(names.length, names.includes('flushWrites')); process.exit(0);`;
    expect(run(process.execPath, ['-e', host]).trim()).toMatch(/^1[0-9] true$/);
  });

  test('what a store of the main entry throws is known to the others', () => {
    const script = `
      const { PermanentStoreError } = require('cache-steward');
      const { entityStoreConformance } = require('cache-steward/testing');
      const saveMany = async () => { throw new PermanentStoreError('no', 'x'); };
      const store = () => ({ saveMany, loadMany: async () => new Map(), migrate: async () => {} });
      const cases = entityStoreConformance({ store, entity: 'a:b', value: (n) => n, refused: '0' });
      cases.find(({ title }) => title.includes('can never be saved')).run().then(() => console.log('known'));`;
    expect(run(process.execPath, ['-e', script]).trim()).toBe('known');
  });

  test('the command line tells its version', () => {
    expect(run(join(project, 'node_modules/.bin/cache-steward'), ['--version'])).toBe(`${version}\n`);
  });

  test('the Keyv adapter has an entry of its own', () => {
    const script = "console.log(Object.keys(require('cache-steward/keyv')).length > 0)";
    expect(run(process.execPath, ['-e', script]).trim()).toBe('true');
  });

  test('its types infer the value from the entity', () => {
    writeFileSync(
      join(project, 'use.ts'),
      `import { createCache, defineEntity, type Cache } from 'cache-steward';
       const orders = defineEntity<{ total: number }>({ name: 'order:summary', load: async () => ({ total: 1 }) });
       declare const cache: Cache;
       export async function total(): Promise<number | undefined> {
         const loaded = await cache.get('order:summary:1', async () => ({ total: 2 }));
         return loaded?.total;
       }
       export { createCache, orders };`,
    );
    const tsc = resolve('node_modules/typescript/bin/tsc');
    const flags = ['--noEmit', '--strict', '--skipLibCheck', '--module', 'node16', '--target', 'es2022', 'use.ts'];
    expect(run(process.execPath, [tsc, ...flags])).toBe('');
  });

  test('the command line answers', () => {
    expect(run('npx', ['--no-install', 'cache-steward', '--help'])).toContain('cache-steward');
  });
});
