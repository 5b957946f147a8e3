import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { projectRoot } from '../../local/servers/paths';
import { appFolder, ensureBuilt } from '../built';

/** Two commands of one checkout, started together. */

jest.setTimeout(120_000);
let folder: string;
let lock: string;
beforeAll(async () => {
  ensureBuilt();
  folder = await mkdtemp(join(tmpdir(), 'steward-lock-'));
  lock = join(folder, 'lock');
});
const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const script = (name: string) => pathToFileURL(join(projectRoot, 'scripts', name)).href;
const node = (code: string) =>
  promisify(execFile)(process.execPath, ['--input-type=module', '-e', code, 'x'], { cwd: projectRoot });

const working = (mark: string) => `
  import { appendFileSync } from 'node:fs';
  import { setTimeout as sleep } from 'node:timers/promises';
  import { withLock } from '${script('lock.mjs')}';
  await withLock('${lock}', 'working', async () => {
    appendFileSync('${folder}/said', '${mark}');
    await sleep(100);
    appendFileSync('${folder}/said', '${mark}');
  });`;

test('install one after the other', async () => {
  await Promise.all(['a', 'b', 'c', 'd'].map((mark) => node(working(mark))));
  expect(await readFile(join(folder, 'said'), 'utf8')).toMatch(/^(?:(\w)\1){4}$/);
});

test('say whom they wait for', async () => {
  const holder = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
  children.push(holder);
  await writeFile(lock, `${holder.pid}`);
  const waiting = spawn(process.execPath, ['--input-type=module', '-e', working('e')]);
  children.push(waiting);
  const [said] = await once(waiting.stderr.setEncoding('utf8'), 'data');
  expect(said).toBe(`Process ${holder.pid} is working: waiting for it. If it isn't, delete ${lock}.\n`);
  // The holder dies without giving it back: the lock is taken over.
  holder.kill('SIGKILL');
  expect(await once(waiting, 'exit')).toEqual([0, null]);
});

test('build without a moment in which a file is missing, partial or another one', async () => {
  const files = [join(appFolder, 'main.js'), join(projectRoot, 'dist/local/start.js')];
  const build = `const { buildAll } = await import('${script('build.mjs')}'); await buildAll();`;
  await node(build);
  const before = await Promise.all(files.map((file) => stat(file)));
  await Promise.all([node(build), node(build)]);
  const after = await Promise.all(files.map((file) => stat(file)));
  expect(after.map(({ ino, mtimeMs }) => [ino, mtimeMs])).toEqual(before.map(({ ino, mtimeMs }) => [ino, mtimeMs]));
});
