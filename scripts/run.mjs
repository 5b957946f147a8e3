// The one entry of every npm script. It needs nothing but Node 18 and npm: it sees to a Node of the right version and
// to the dependencies, both only when something changed, then hands over to scripts/<command>.mjs.
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { outliveReader, runChild } from './child.mjs';
import { withLock } from './lock.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const [command, ...args] = process.argv.slice(2);
const script = join(root, 'scripts', `${command}.mjs`);
if (!command || !existsSync(script)) fail(`There is no command ${JSON.stringify(command)} in scripts/.`);

outliveReader();
const node = await findNode();
const environment = { ...process.env, PATH: `${dirname(node)}:${process.env.PATH}` };
await installDependencies();
// npm waits for us, so its end is the end; a shell that started us by hand may go.
const watchParent = process.env.npm_lifecycle_event !== undefined;
process.exit(await runChild(node, [script, ...args], { cwd: root, env: environment, watchParent }));

/** This Node if it will do; else one from the npm registry, kept in .cache/. `STEWARD_NODE=24` asks for a version. */
async function findNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  const wanted = process.env.STEWARD_NODE;
  if (wanted ? Number(wanted) === major : major > 22 || (major === 22 && minor >= 19)) return process.execPath;
  const version = wanted ?? '22';
  const pinned = join(root, 'scripts', 'runtime', version);
  if (!existsSync(pinned)) fail(`Expected STEWARD_NODE to be 22 or 24, got ${version}.`);
  const home = join(root, '.cache', `node-${version}`);
  const binary = join(home, 'node_modules', `node-${process.platform}-${process.arch}`, 'bin', 'node');
  const stamp = digest(join(pinned, 'package-lock.json'));
  const isThere = () => existsSync(binary) && read(join(home, 'stamp')) === stamp;
  if (isThere()) return binary;
  await alone(`fetching Node ${version}`, isThere, async () => {
    say(`Node ${process.versions.node} is too old for this project: fetching Node ${version} into .cache/ (once)`);
    mkdirSync(home, { recursive: true });
    for (const file of ['package.json', 'package-lock.json']) cpSync(join(pinned, file), join(home, file));
    await npm(process.execPath, home, process.env);
    if (!existsSync(binary)) {
      fail(
        `There is no Node ${version} for ${process.platform}-${process.arch} to fetch: install Node 22 or 24 and run this again.`,
      );
    }
    writeFileSync(join(home, 'stamp'), stamp);
  });
  return binary;
}

async function installDependencies() {
  const stampFile = join(root, 'node_modules', '.steward-stamp');
  const stamp = digest(join(root, 'package-lock.json'));
  const isThere = () => read(stampFile) === stamp;
  if (isThere()) return;
  await alone('installing the dependencies', isThere, async () => {
    say('Installing the dependencies (once)');
    await npm(node, root, environment);
    writeFileSync(stampFile, stamp);
  });
}

/** Two commands may be started together in a new checkout: the second waits, and finds the work done. */
async function alone(what, isDone, work) {
  mkdirSync(join(root, '.cache'), { recursive: true });
  await withLock(join(root, '.cache', 'install.lock'), what, async () => {
    if (!isDone()) await work();
  });
}

async function npm(withNode, cwd, env) {
  const cli = process.env.npm_execpath;
  // Not `ci`: it insists on the binaries of every other platform, which a mirror may not have. The lock file is
  // obeyed and left as it is all the same.
  const flags = ['install', '--no-save', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  const options = { cwd, env, stdio: ['ignore', 'ignore', 'inherit'] };
  const code = await (cli ? runChild(withNode, [cli, ...flags], options) : runChild('npm', flags, options));
  if (code > 128) process.exit(code);
  if (code !== 0) fail('npm install failed; see above. A second try often mends a broken download.');
}

function digest(file) {
  return createHash('sha256').update(readFileSync(file)).digest('hex');
}

function read(file) {
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
}

function say(line) {
  console.error(line);
}

function fail(line) {
  console.error(line);
  process.exit(1);
}
