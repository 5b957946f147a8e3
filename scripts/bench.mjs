// `npm run bench -- <scenario> [--json] [...]`: builds, then runs one scenario.
import { buildAll } from './build.mjs';
import { runChild } from './child.mjs';

await buildAll();
process.exit(await runChild(process.execPath, ['--expose-gc', 'dist/bench/main.js', ...process.argv.slice(2)]));
