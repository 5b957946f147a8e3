// The Bicep CLI and the provider's published types: found where they are, else brought by the dotnet client into
// .cache/bicep. Used by scripts/infra.mjs and by the tests of infra/, so it is CommonJS.
const { spawnSync } = require('node:child_process');
const { createHash } = require('node:crypto');
const {
  accessSync,
  chmodSync,
  constants,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} = require('node:fs');
const { homedir } = require('node:os');
const { delimiter, join } = require('node:path');

const root = join(__dirname, '..');
const project = join(root, 'tools', 'bicep');
const home = join(root, '.cache', 'bicep');

const platform = { linux: 'linux', darwin: 'osx', win32: 'win' }[process.platform];
const rid = `${platform}-${process.arch}`;
const executable = process.platform === 'win32' ? 'bicep.exe' : 'bicep';

/** The CLI: BICEP_PATH, the pinned one that dotnet brings, `bicep` on PATH, the Azure CLI's copy; undefined without any. */
function findBicep() {
  if (process.env.BICEP_PATH) return process.env.BICEP_PATH;
  return pinnedBicep() ?? [...path('bicep'), join(homedir(), '.azure', 'bin', executable)].find(runnable);
}

/**
 * Writes the types of the given resources (`Type@version`) as files and gives their folder; undefined if there is
 * no .NET SDK to bring them.
 */
function findTypes(resources) {
  return broughtTools() ? alone(() => writtenTypes(resources)) : undefined;
}

function writtenTypes(resources) {
  const wanted = [...new Set(resources)].sort();
  const asked = digest(readFileSync(join(project, 'bicep.csproj'), 'utf8') + wanted.join('\n'));
  const folder = join(home, 'types');
  const stampFile = join(folder, `${asked}.stamp`);
  if (existsSync(stampFile)) return folder;
  mkdirSync(folder, { recursive: true });
  const types = join(packageFolder('azure.bicep.types.az'), 'lib', 'netstandard2.0', 'Azure.Bicep.Types.Az.dll');
  run('dotnet', [join(home, 'build', 'bin', 'bicep', 'release', 'bicep.dll'), types, folder, ...wanted]);
  writeFileSync(stampFile, '');
  return folder;
}

function pinnedBicep() {
  if (!broughtTools()) return undefined;
  const file = join(packageFolder(`azure.bicep.commandline.${rid}`), 'tools', executable);
  // A package has no room for a file's mode.
  if (process.platform !== 'win32') chmodSync(file, 0o755);
  return file;
}

/** Restores the packages and builds the writer of types, once for each change of the project; false without dotnet. */
function broughtTools() {
  if (!path('dotnet').some(runnable)) return false;
  return alone(() => {
    bringTools();
    return true;
  });
}

function bringTools() {
  const sources = ['bicep.csproj', 'Directory.Build.props', 'Program.cs'].map((name) => join(project, name));
  const stamp = digest(sources.map((file) => readFileSync(file, 'utf8')).join('') + rid);
  const stampFile = join(home, 'stamp');
  if (readIfThere(stampFile) === stamp) return;
  run('dotnet', ['build', project, '--nologo', '-v', 'q', '-c', 'Release', `-p:BicepRid=${rid}`]);
  writeFileSync(stampFile, stamp);
}

/** Runs `work` while no other process does: test files run side by side, and two restores would break each other. */
function alone(work) {
  mkdirSync(home, { recursive: true });
  const lock = join(home, 'lock');
  while (!taken(lock)) {
    if (!alive(Number(readIfThere(lock)))) rmSync(lock, { force: true });
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
  }
  try {
    return work();
  } finally {
    rmSync(lock, { force: true });
  }
}

function taken(lock) {
  try {
    writeFileSync(lock, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
    return false;
  }
}

/** Whether a process runs; a lock that is just being written has no number yet and counts as held. */
function alive(pid) {
  try {
    return !(pid > 0) || process.kill(pid, 0);
  } catch (error) {
    return error.code === 'EPERM';
  }
}

function readIfThere(file) {
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}

function packageFolder(name) {
  const [, version] = new RegExp(
    `Include="${name.replace(rid, '\\$\\(BicepRid\\)')}" Version="\\[([^\\]]+)\\]"`,
    'i',
  ).exec(readFileSync(join(project, 'bicep.csproj'), 'utf8'));
  return join(home, 'packages', name, version);
}

function run(command, args) {
  const env = { ...process.env, DOTNET_CLI_TELEMETRY_OPTOUT: '1', DOTNET_NOLOGO: '1', MSBUILDDISABLENODEREUSE: '1' };
  const done = spawnSync(command, args, { encoding: 'utf8', env, maxBuffer: 1 << 26 });
  if (done.status !== 0) throw new Error(`${command} ${args[0]} failed:\n${done.stdout}${done.stderr}`);
}

const path = (name) => (process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, name));

function runnable(file) {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

const digest = (text) => createHash('sha256').update(text).digest('hex');

module.exports = { findBicep, findTypes };
