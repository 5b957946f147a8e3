import { existsSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** The repository's root, from a source file under jest and from a bundle in `dist/` alike. */
export const projectRoot = findRoot(__dirname);

/** Where unpacked programs are kept; never committed, safe to delete. */
export const cacheDir = join(projectRoot, '.cache');

function findRoot(from: string): string {
  for (let dir = from; ; dir = dirname(dir)) {
    if (existsSync(join(dir, 'package.json'))) return dir;
    if (dir === dirname(dir)) throw new Error(`Expected a package.json in ${from} or above it, found none`);
  }
}

/** A new empty folder of a server's own; the code that starts the server removes it at stop. */
export function serverDir(name: string): Promise<string> {
  return mkdtemp(join(tmpdir(), `steward-${name}-`));
}
