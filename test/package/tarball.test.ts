import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { bytesBelow, installedPackages } from '../../bench/load/web-app';
import { type RunningAzurite, type RunningRedis, startAzurite, startRedis } from '../../local/servers';
import { projectRoot } from '../../local/servers/paths';
import manifest, { version } from '../../package.json';
import { packageFolder } from '../built';
import { ForeignProject, type Ran } from './foreign-project';

/** The package as others get it: packed, installed in a project of their own, and used there. */

let project: ForeignProject;
let redis: RunningRedis;
let azurite: RunningAzurite;
/** What a web app sets. */
let env: Record<string, string>;

beforeAll(async () => {
  project = new ForeignProject();
  project.install();
  [redis, azurite] = await Promise.all([startRedis(), startAzurite()]);
  env = { REDIS_URL: redis.appUrl, AzureWebJobsStorage: azurite.connectionString };
}, 300_000);

afterAll(async () => {
  project.remove();
  await Promise.all([redis.stop(), azurite.stop()]);
});

const published = () =>
  JSON.parse(readFileSync(join(packageFolder, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
    peerDependencies: Record<string, string>;
    peerDependenciesMeta: Record<string, { optional: boolean }>;
  };

const printed = ({ status, output }: Ran) => ({ status, output });
const ok = (output: string) => ({ status: 0, output });

describe('alone, as `npm install cache-steward` leaves it', () => {
  test('it brings at most 21 packages and 15 MB, itself included, and none with an install script', () => {
    const packages = installedPackages(project.folder);
    expect(packages.map(({ name }) => name)).toEqual(expect.arrayContaining(['cache-steward', 'ioredis']));
    expect(packages.length).toBeLessThanOrEqual(21);
    expect(packages.filter(({ hasInstallScript }) => hasInstallScript)).toEqual([]);
    expect(bytesBelow(join(project.folder, 'node_modules'))).toBeLessThanOrEqual(15e6);
  });

  test('it holds code, types and texts: no map, no picture, no source', () => {
    const files = project.files();
    expect(files).toEqual(expect.arrayContaining(['README.md', 'CHANGELOG.md', 'LICENSE', 'THIRD-PARTY-NOTICES.txt']));
    expect(files.filter((file) => /\.(map|png|svg|lua|test\.\w+)$|(?<!\.d)\.ts$/.test(file))).toEqual([]);
  });

  test('CommonJS requires it', () => {
    const script =
      "const c = require('cache-steward'); console.log(typeof c.createCache, typeof c.createSessionStore);";
    expect(printed(project.node(script))).toEqual(ok('function function'));
  });

  test('ESM imports its names', () => {
    project.write(
      'names.mjs',
      `import { createCache, defineEntity } from 'cache-steward';
       import { createKeyvStore } from 'cache-steward/keyv';
       import { journalConformance } from 'cache-steward/testing';
       console.log([createCache, defineEntity, createKeyvStore, journalConformance].map((it) => typeof it).join());`,
    );
    expect(printed(project.run(process.execPath, ['names.mjs']))).toEqual(ok('function,function,function,function'));
  });

  test('it caches, with nothing else installed', () => {
    const script = `
      const { createClient } = require('cache-steward');
      const steward = createClient({ entities: [] });
      (async () => {
        await steward.cache.get('fx:rates:eur', async () => 1.08, { ttlSeconds: 60 });
        console.log(await steward.cache.get('fx:rates:eur', async () => 0, { ttlSeconds: 60 }));
        await steward.close();
      })();`;
    expect(printed(project.node(script, env))).toEqual(ok('1.08'));
  });

  test('what a store of the main entry throws is known to the others', () => {
    const script = `
      const { PermanentStoreError } = require('cache-steward');
      const { entityStoreConformance } = require('cache-steward/testing');
      const saveMany = async () => { throw new PermanentStoreError('no', 'x'); };
      const store = () => ({ saveMany, loadMany: async () => new Map(), migrate: async () => {} });
      const cases = entityStoreConformance({ store, entity: 'a:b', value: (n) => n, refused: '0' });
      cases.find(({ title }) => title.includes('can never be saved')).run().then(() => console.log('known'));`;
    expect(printed(project.node(script))).toEqual(ok('known'));
  });

  /** Each: what somebody does, and the package that it needs. */
  const settings = '{ REDIS_URL: "redis://127.0.0.1:1", AzureWebJobsStorage: "UseDevelopmentStorage=true" }';
  const storage = `c.storageClients(c.readSettings(${settings}))`;
  const entra = 'REDIS_AUTH: "entra", REDIS_ENTRA_USER: "me", REDIS_URL: "rediss://127.0.0.1:1"';
  test.each([
    ['registering the jobs', '@azure/functions@4', 'require("cache-steward/functions")'],
    ['a session store', 'express-session@1', 'c.createSessionStore({ redis: { client: () => ({ on() {} }) } })'],
    ['the journal', '@azure/storage-queue@12', `${storage}.queue("q")`],
    ['a table', '@azure/data-tables@13', `${storage}.table("t")`],
    ['a blob', '@azure/storage-blob@12', `${storage}.container("b")`],
    ['a store in PostgreSQL', 'pg@8', 'c.lazyPool({ DATABASE_URL: "postgres://h/d" }).query("select 1")'],
    ['a key vault', '@azure/keyvault-secrets@4', 'c.createKeyVaultSecrets({ vaultUrl: "https://v" }).read()'],
    [
      'a write behind',
      '@azure/storage-queue@12',
      `c.createClient({ logger: c.silentLogger, entities: [c.defineEntity({ name: "a:b",
         store: { saveMany: async () => [], loadMany: async () => new Map(), migrate: async () => {} } })] })
        .cache.writeBehind("a:b:1", 1)`,
    ],
    [
      'a sign-in with Entra',
      '@azure/identity@4',
      `new Promise((_, reject) => c.createRedis({ role: "r", settings: c.readSettings({ ${entra} }),
         logger: { ...c.silentLogger, warn: (fields) => reject(new Error(JSON.stringify(fields))),
           error: (fields) => reject(new Error(JSON.stringify(fields))) } }).nodes("masters", "cache").catch(() => {}))`,
    ],
  ])('%s without its package says what to install: %s', (_, spec, call) => {
    const script = `const c = require('cache-steward');
      Promise.resolve().then(() => ${call}).then(() => console.log('no error'), (error) => {
        const known = [error, error.cause].find((it) => it?.code === 'E_PACKAGE_MISSING');
        console.log(known?.code, error.message); }).finally(() => process.exit());`;
    const { output } = project.node(script, env);
    const name = spec.replace(/@\d+$/, '');
    expect(output).toContain(`need the package ${name}, which is not installed: npm install ${spec}`);
    expect(output.split('\n')).toHaveLength(1);
  });

  test('no import of an optional package is without that sentence, and each names the version that is asked for', () => {
    const { peerDependencies } = published();
    const text = ['index', 'functions', 'cli', 'keyv', 'testing']
      .map((entry) => readFileSync(join(packageFolder, `${entry}.js`), 'utf8'))
      .join('\n');
    const imports = [...text.matchAll(/import\("([^"]+)"\)(\.catch\(\s*missing\("([^"]+)")?/g)];
    expect(imports.length).toBeGreaterThan(10);
    for (const [, name = '', , spec] of imports) {
      if (name.startsWith('node:')) continue;
      expect(spec).toBe(`${name}@${peerDependencies[name]?.match(/\d+/)?.[0]}`);
    }
    const ours: Record<string, string> = { ...manifest.dependencies, ...manifest.devDependencies };
    for (const [name, range] of Object.entries(peerDependencies)) {
      expect([name, ours[name]?.split('.')[0]]).toEqual([name, range.match(/\d+/)?.[0]]);
    }
  });

  test('esbuild bundles it with the app, optional packages absent', () => {
    project.write(
      'bundled.mjs',
      `import { createClient, silentLogger } from 'cache-steward';
       const steward = createClient({ entities: [], logger: silentLogger });
       console.log(await steward.cache.get('a:b:c', async () => 'loaded', { ttlSeconds: 5 }));
       await steward.close();`,
    );
    const esbuild = join(projectRoot, 'node_modules/esbuild/bin/esbuild');
    const flags = ['--bundle', '--platform=node', '--format=esm', '--outfile=out/bundle.mjs', '--log-level=error'];
    const shim =
      "--banner:js=import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);";
    expect(printed(project.run(esbuild, ['bundled.mjs', ...flags, shim]))).toEqual(ok(''));
    expect(printed(project.run(process.execPath, ['out/bundle.mjs'], env))).toEqual(ok('loaded'));
    const cjs = ['bundled.cjs', '--bundle', '--platform=node', '--outfile=out/bundle.cjs', '--log-level=error'];
    project.write('bundled.cjs', "console.log(typeof require('cache-steward').createClient);");
    expect(printed(project.run(esbuild, cjs))).toEqual(ok(''));
    expect(printed(project.run(process.execPath, ['out/bundle.cjs']))).toEqual(ok('function'));
  });

  test('npx runs the command line, and a command that lacks a package says so', () => {
    const npx = (...args: string[]) => project.run('npx', ['--no-install', 'cache-steward', ...args], env);
    expect(printed(npx('--version'))).toEqual(ok(version));
    const { status, output } = npx('dead-letters', 'list');
    expect(status).toBe(1);
    expect(output).toBe(
      'E_PACKAGE_MISSING: Storage tables need the package @azure/data-tables, which is not installed: npm install @azure/data-tables@13',
    );
  });

  test.each([
    ['commonjs', 'node16', 'node16'],
    ['module', 'nodenext', 'nodenext'],
    ['module', 'esnext', 'bundler'],
  ])(
    'a strict project of type %s, module %s, resolution %s compiles, libraries checked',
    (type, module, resolution) => {
      expect(printed(compile(type, module, resolution, USE))).toEqual(ok(''));
    },
  );
});

const USE = `
  import { createCache, createClient, defineEntity, readSettings, type Cache, type Settings } from 'cache-steward';
  import { registerJobs } from 'cache-steward/functions';
  import { createKeyvStore } from 'cache-steward/keyv';
  import { entityStoreConformance } from 'cache-steward/testing';
  const orders = defineEntity<{ total: number }>({ name: 'order:summary', load: async () => ({ total: 1 }) });
  export async function total(cache: Cache): Promise<number | undefined> {
    const loaded = await cache.get('order:summary:1', async () => ({ total: 2 }));
    return loaded?.total;
  }
  const settings: Settings = readSettings({});
  export const deadline: number = settings.REDIS_DEADLINE_MS;
  // @ts-expect-error: it is a number, and no any
  export const wrong: string = settings.REDIS_DEADLINE_MS;
  const client = createClient({ entities: [orders], settings });
  export const store = createKeyvStore({ cache: client.cache, redis: client.redis });
  export { createCache, registerJobs, entityStoreConformance };`;

function compile(type: string, module: string, resolution: string, use: string): Ran {
  for (const name of ['typescript', '@types/node', 'undici-types']) project.lend(name);
  const folder = `ts-${type}-${module}`;
  project.write(`${folder}/package.json`, JSON.stringify({ name: 'strict', private: true, type }));
  project.write(`${folder}/use.ts`, use);
  const options = {
    ...{ strict: true, skipLibCheck: false, noEmit: true, exactOptionalPropertyTypes: true, target: 'es2022' },
    ...{ types: ['node'], typeRoots: ['../node_modules/@types'], module, moduleResolution: resolution },
  };
  project.write(`${folder}/tsconfig.json`, JSON.stringify({ compilerOptions: options, files: ['use.ts'] }));
  return project.run(process.execPath, ['node_modules/typescript/bin/tsc', '-p', folder]);
}

describe('with the packages that its messages name', () => {
  beforeAll(() => {
    const { peerDependencies } = published();
    const packages = Object.entries(peerDependencies).map(([name, range]) => `${name}@${range}`);
    project.install(...packages, 'express@5', '@types/express@5', '@types/express-session@1');
  }, 300_000);

  test('a team registers the jobs with entities of its own repository', () => {
    project.write(
      'entry.js',
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
      require('./entry.js'); console.log(names.length > 10, names.includes('flushWrites')); process.exit(0);`;
    expect(printed(project.node(host, env))).toEqual(ok('true true'));
  });

  test('sessions of an Express app are kept', () => {
    const script = `
      const express = require('express'), session = require('express-session');
      const { createClient, createSessionStore, silentLogger } = require('cache-steward');
      const steward = createClient({ entities: [], logger: silentLogger });
      const store = createSessionStore({ redis: steward.redis });
      const app = express().use(session({ store, secret: 's', resave: false, saveUninitialized: false }));
      app.get('/', (req, res) => { req.session.views = (req.session.views ?? 0) + 1; res.send(String(req.session.views)); });
      const server = app.listen(0, '127.0.0.1', async () => {
        const url = 'http://127.0.0.1:' + server.address().port;
        const first = await fetch(url);
        const cookie = first.headers.get('set-cookie').split(';')[0];
        console.log(await first.text(), await (await fetch(url, { headers: { cookie } })).text());
        process.exit();
      });`;
    expect(printed(project.node(script, env))).toEqual(ok('1 2'));
  });

  test('the Keyv adapter serves Keyv', () => {
    const script = `
      const Keyv = require('keyv').default ?? require('keyv').Keyv;
      const { createClient, silentLogger } = require('cache-steward');
      const { createKeyvStore } = require('cache-steward/keyv');
      const steward = createClient({ entities: [], logger: silentLogger });
      const keyv = new Keyv({ store: createKeyvStore({ cache: steward.cache, redis: steward.redis }) });
      (async () => { await keyv.set('a', 7, 5_000); console.log(await keyv.get('a')); process.exit(); })();`;
    expect(printed(project.node(script, env))).toEqual(ok('7'));
  });

  test('npx runs the doctor and lists dead letters', () => {
    const npx = (...args: string[]) => project.run('npx', ['--no-install', 'cache-steward', ...args], env);
    expect(printed(npx('dead-letters', 'list'))).toEqual(ok('no dead letters'));
    const { findings } = JSON.parse(npx('doctor', '--json').output) as { findings: { check: string; state: string }[] };
    const states = Object.fromEntries(findings.map(({ check, state }) => [check, state]));
    expect(states).toMatchObject({ 'redis.commands': 'ok', 'storage.queue': 'ok', 'storage.table': 'ok' });
  });

  test('the types of the store fit those of express-session', () => {
    const use = `${USE}
      import session from 'express-session';
      import { createSessionStore } from 'cache-steward';
      const sessions = createSessionStore({ redis: client.redis });
      export const middleware = session({ store: sessions, secret: 's', resave: false, saveUninitialized: false });`;
    expect(printed(compile('module', 'nodenext', 'nodenext', use))).toEqual(ok(''));
  });
});
