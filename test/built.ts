import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../local/servers/paths';

/** The folder that is published as the Functions app. */
export const appFolder = join(projectRoot, 'dist/app');

/** The folder that is published as the package for web apps. */
export const packageFolder = join(projectRoot, 'dist/package');

/** `npm test` builds beforehand; a run of one file may not have. */
export function ensureBuilt(): void {
  if (existsSync(join(appFolder, 'main.js'))) return;
  const build = "import('./scripts/build.mjs').then(({ buildAll, buildTypes }) => buildAll().then(buildTypes))";
  const { status, stderr } = spawnSync(process.execPath, ['-e', build, 'tests'], {
    cwd: projectRoot,
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`The build failed: ${stderr}`);
}
