import { globSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { coerceError } from '../../src/errors';

/**
 * Loads the entry points by the worker's rules: `main` of package.json is a glob, its files load one after the other,
 * as ES modules if their name or package.json says so. Throws what an entry point throws, with its name: that
 * blocks the app.
 */
export async function loadApp(appDir: string): Promise<void> {
  const manifest = JSON.parse(await readFile(join(appDir, 'package.json'), 'utf8')) as { main?: string; type?: string };
  if (!manifest.main) throw new Error('Expected "main" in package.json to name the entry points, found none');
  const files = expandBraces(manifest.main).flatMap((pattern) => globSync(pattern, { cwd: appDir }).sort());
  if (files.length === 0) {
    throw unable(manifest.main, new Error('Found zero files matching the supplied pattern'));
  }
  for (const file of files) {
    await loadFile(join(appDir, file), manifest.type === 'module').catch((thrown: unknown) => {
      throw unable(file, coerceError(thrown));
    });
  }
}

function unable(entryPoint: string, error: Error): Error {
  error.message = `Worker was unable to load entry point "${entryPoint}": ${error.message}`;
  return error;
}

/** Alternatives one by one, so that what is listed first is loaded first. */
function expandBraces(pattern: string): readonly string[] {
  const [, before = '', inside, after = ''] = /^([^{]*)\{([^{}]*)\}(.*)$/.exec(pattern) ?? [];
  if (inside === undefined) return [pattern];
  return inside.split(',').flatMap((choice) => expandBraces(`${before}${choice}${after}`));
}

async function loadFile(path: string, moduleByDefault: boolean): Promise<void> {
  if (path.endsWith('.mjs') || (path.endsWith('.js') && moduleByDefault)) await import(pathToFileURL(path).href);
  else require(path);
}
