// `npm start`: builds, then hands over to the local stack.
import { spawn } from 'node:child_process';
import { buildAll } from './build.mjs';

await buildAll();
const child = spawn(process.execPath, ['--enable-source-maps', 'dist/local/start.js', ...process.argv.slice(2)], {
  stdio: 'inherit',
});
process.on('SIGINT', () => {});
process.on('SIGTERM', () => child.kill('SIGTERM'));
child.on('exit', (code, signal) => process.exit(code ?? (signal ? 143 : 1)));
