// `npm start`: builds, then becomes the local stack.
import { createRequire } from 'node:module';
import { stop as stopBundler } from 'esbuild';
import { buildAll } from './build.mjs';
import { onParentEnd, outliveReader } from './child.mjs';

outliveReader();
// As if it had asked us to end before it went.
onParentEnd(() => process.kill(process.pid, 'SIGTERM'));
await buildAll();
await stopBundler();
process.setSourceMapsEnabled(true);
createRequire(import.meta.url)('../dist/local/start.js');
