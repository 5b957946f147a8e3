// `npm run bench -- <scenario> [--json] [...]`: builds, then runs one scenario.
import { spawnSync } from 'node:child_process';
import { buildAll } from './build.mjs';

await buildAll();
const done = spawnSync(process.execPath, ['--expose-gc', 'dist/bench/main.js', ...process.argv.slice(2)], {
  stdio: 'inherit',
});
process.exit(done.status ?? 1);
