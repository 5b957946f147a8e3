import { mkdtemp, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { build, type Plugin } from 'esbuild';

/** A process of the history checker as a script that can be forked. */
export async function buildHistoryWorker(plugins: Plugin[] = []) {
  const folder = await mkdtemp(resolve('.cache', 'history-'));
  const script = join(folder, 'worker.js');
  const contents = "import { historyWorker } from './worker'; void historyWorker();";
  await build({
    ...{ stdin: { contents, resolveDir: resolve('bench/history'), loader: 'ts' }, outfile: script, plugins },
    ...{ bundle: true, platform: 'node', packages: 'external', loader: { '.lua': 'text' }, logLevel: 'error' },
  });
  return { script, remove: () => rm(folder, { recursive: true, force: true }) };
}
