// Format, lint, types, and the one way imports point. No test is run.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const bin = (name) => join(fileURLToPath(import.meta.url), '..', '..', 'node_modules', '.bin', name);

const stages = [
  ['format and lint', 'biome', ['check', '--error-on-warnings', '--max-diagnostics=50']],
  ['types', 'tsc', ['-p', '.']],
  ['imports', 'depcruise', ['src', 'local', 'bench', '--output-type', 'err']],
];

/** True where every stage passed. */
export function check() {
  let passed = true;
  for (const [title, command, args] of stages) {
    const started = Date.now();
    const done = spawnSync(bin(command), args, { encoding: 'utf8' });
    const ok = done.status === 0;
    passed &&= ok;
    console.log(`${ok ? 'ok  ' : 'FAIL'} ${title} (${((Date.now() - started) / 1000).toFixed(1)} s)`);
    if (!ok) console.log(`${done.stdout ?? ''}${done.stderr ?? ''}${done.error ?? ''}`);
  }
  return passed;
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) process.exit(check() ? 0 : 1);
