import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bytesBelow } from '../../bench/load/web-app';
import { projectRoot } from '../../local/servers/paths';
import manifest from '../../package.json';
import { appFolder, ensureBuilt } from '../built';
import { filesByAzd, filesByFunc, readAzdService } from './published-files';

beforeAll(ensureBuilt);

let scratch: string;
beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'steward-published-'));
});
afterEach(() => rmSync(scratch, { recursive: true, force: true }));

/** What the app can load: its entry, and every file that the entry names. */
function filesOfTheApp(): string[] {
  const main = readFileSync(join(appFolder, 'main.js'), 'utf8');
  const named = [...main.matchAll(/["']\.\/(lazy\/[\w-]+\.js)["']/g)].map(([, file]) => file as string);
  return ['host.json', ...new Set(named), 'main.js', 'package.json'].sort();
}

test('the artifact is what the app loads, and no file more', () => {
  expect(filesOfTheApp().length).toBeGreaterThan(8);
  expect(filesByFunc(appFolder)).toEqual(filesOfTheApp());
});

test('func and azd publish the same files: the artifact', () => {
  const service = readAzdService(join(projectRoot, 'azure.yaml'));
  expect(service).toEqual({ project: '.', dist: 'dist/app', remoteBuild: false });
  expect(filesByAzd(projectRoot, service)).toEqual(filesByFunc(appFolder));
});

test('the documents publish from that folder, with the language named since no local settings lie there', () => {
  for (const file of ['README.md', 'docs/deploying.md']) {
    const commands = readFileSync(join(projectRoot, file), 'utf8').match(/^.*func azure functionapp publish.*$/gm);
    expect(commands).toEqual([
      expect.stringMatching(/cd dist\/app && func azure functionapp publish <app> --javascript --no-build/),
    ]);
  }
});

test('every file of the artifact loads in a folder of its own, with no package above it', () => {
  cpSync(appFolder, scratch, { recursive: true });
  for (const file of filesOfTheApp().filter((name) => name.startsWith('lazy/'))) {
    const script = `console.log(Object.keys(require(${JSON.stringify(join(scratch, file))})).length)`;
    const exported = execFileSync(process.execPath, ['--no-warnings', '-e', script], {
      cwd: scratch,
      encoding: 'utf8',
    });
    expect([file, Number(exported)]).toEqual([file, expect.any(Number)]);
    expect(Number(exported)).toBeGreaterThan(0);
  }
});

test('the manifest of the artifact names its entry, and depends on nothing', () => {
  const { name, version, engines } = manifest;
  const built = JSON.parse(readFileSync(join(appFolder, 'package.json'), 'utf8'));
  expect(built).toEqual({ name, version, private: true, type: 'commonjs', main: 'main.js', engines });
  expect(readFileSync(join(appFolder, 'host.json'), 'utf8')).toBe(readFileSync(join(projectRoot, 'host.json'), 'utf8'));
});

test('the artifact has at most 6 MB', () => {
  expect(bytesBelow(appFolder)).toBeLessThanOrEqual(6e6);
});

/** Each row: a .funcignore, and what of the files below each client then takes. */
const FILES = [
  'host.json',
  'package.json',
  'main.js',
  'main.js.map',
  'lazy/pg.js',
  'node_modules/pg/index.js',
  'local.settings.json',
];

test.each([
  [
    'none',
    undefined,
    ['host.json', 'lazy/pg.js', 'main.js', 'main.js.map', 'node_modules/pg/index.js', 'package.json'],
  ],
  // Of a name without a slash git hides every file, Core Tools what begins so.
  ['a name', 'lazy\n', ['host.json', 'main.js', 'main.js.map', 'node_modules/pg/index.js', 'package.json']],
  ['maps', '*.map\n', ['host.json', 'lazy/pg.js', 'main.js', 'node_modules/pg/index.js', 'package.json']],
])('the rules of the clients agree on %s in .funcignore', (_, ignore, expected) => {
  for (const file of FILES) {
    mkdirSync(join(scratch, file, '..'), { recursive: true });
    writeFileSync(join(scratch, file), '');
  }
  if (ignore) writeFileSync(join(scratch, '.funcignore'), ignore);
  expect(filesByFunc(scratch)).toEqual(expected);
  expect(filesByAzd(scratch, { project: '.', remoteBuild: false })).toEqual(expected);
});

test('azd refuses a package that is complete beside an ignore file that excludes node_modules', () => {
  writeFileSync(join(scratch, '.funcignore'), 'node_modules\n');
  expect(() => filesByAzd(scratch, { project: '.', remoteBuild: false })).toThrow(/cannot be used/);
});
