// `npm run check`: format, lint, types, the one way imports point, and whether the generated files are up to date. Runs
// no test. A stage that fails says how to mend it.
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const bin = (name) => join(root, 'node_modules', '.bin', name);

const stages = [
  {
    title: 'format and lint',
    command: [bin('biome'), 'check', '--error-on-warnings', '--max-diagnostics=50'],
    mend: 'run `npm run fix`, and correct by hand what is left',
  },
  {
    title: 'types',
    command: [bin('tsc'), '-p', '.'],
    mend: 'correct the types at the lines above',
  },
  {
    title: 'imports',
    command: [bin('depcruise'), 'src', 'local', 'bench', '--output-type', 'err'],
    mend: 'import only from layers below: .dependency-cruiser.cjs lists them in order. What both sides need moves down',
  },
  {
    title: 'generated files',
    command: [process.execPath, join(root, 'scripts', 'generate.mjs'), '--check'],
    mend: 'run `npm run generate` and commit what it writes',
  },
];

/** True if every stage passed. */
export function check() {
  let passed = true;
  for (const { title, command, mend } of stages) {
    const started = Date.now();
    const [program, ...args] = command;
    const done = spawnSync(program, args, { cwd: root, encoding: 'utf8' });
    const ok = done.status === 0;
    passed &&= ok;
    console.log(`${ok ? 'ok  ' : 'FAIL'} ${title} (${((Date.now() - started) / 1000).toFixed(1)} s)`);
    if (!ok) console.log(`${done.stdout ?? ''}${done.stderr ?? ''}${done.error ?? ''}\nTo mend it: ${mend}.`);
  }
  return passed;
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) process.exit(check() ? 0 : 1);
