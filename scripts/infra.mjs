// `npm run infra:check`: lints, builds and checks the format of infra/, and compares the snapshots of its parameter
// files. `npm run infra:check -- --write` formats and takes new snapshots instead: the diff is what a change deploys.
import { spawnSync } from 'node:child_process';
import { cpSync, globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findBicep } from './bicep.cjs';
import { snapshotArguments } from './snapshot-arguments.cjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const write = process.argv.includes('--write');
const sources = 'infra/**/*.{bicep,bicepparam}';

const bicep = findBicep();
if (!bicep) {
  console.error(
    'No Bicep CLI: install the .NET SDK (it brings the pinned one), put `bicep` on PATH, or name it in BICEP_PATH.',
  );
  process.exit(process.env.CI === 'true' ? 1 : 0);
}

let faults = 0;
format();
check('build infra/main.bicep', ['build', 'infra/main.bicep', '--stdout']);
check('lint', ['lint', '--pattern', 'infra/**/*.bicep']);
for (const file of globSync('infra/params/*.bicepparam', { cwd: root }).sort()) {
  check(`snapshot ${file}`, ['snapshot', file, '--mode', write ? 'overwrite' : 'validate', ...snapshotArguments]);
}
console.log(faults === 0 ? 'infra: all as it should be' : `infra: ${faults} findings`);
process.exit(faults === 0 ? 0 : 1);

/** A warning counts like an error. */
function check(name, args) {
  const done = run(args, root);
  const said = `${args[0] === 'build' ? '' : done.stdout}${done.stderr}`;
  if (done.status === 0 && !/ : Warning /.test(said)) {
    console.log(`ok    ${name}`);
    return;
  }
  faults += 1;
  console.log(`FAIL  ${name}\n${said}`);
}

/** The CLI formats in place only, so a copy is formatted and compared. */
function format() {
  const copy = mkdtempSync(join(tmpdir(), 'steward-infra-'));
  try {
    cpSync(join(root, 'infra'), join(copy, 'infra'), { recursive: true });
    cpSync(join(root, 'bicepconfig.json'), join(copy, 'bicepconfig.json'));
    for (const kind of ['bicep', 'bicepparam']) run(['format', '--pattern', `infra/**/*.${kind}`], copy);
    for (const file of globSync(sources, { cwd: root })) {
      if (readFileSync(join(root, file), 'utf8') === readFileSync(join(copy, file), 'utf8')) continue;
      if (write) {
        cpSync(join(copy, file), join(root, file));
        continue;
      }
      faults += 1;
      console.log(`FAIL  format ${file}: run \`npm run infra:check -- --write\``);
    }
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

function run(args, cwd) {
  return spawnSync(bicep, args, { cwd, encoding: 'utf8', maxBuffer: 1 << 26 });
}
