// The declarations that the package ships: those which its entries reach, and no other.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import ts from 'typescript';
import { packageManifest, peers } from './manifests.mjs';

// A project without Express has no types of it either.
const optional = new Set([...Object.keys(peers), 'express']);

/** Every declaration as [file, text]; undefined if the compiler found a fault. */
export function declarations() {
  mkdirSync('.cache', { recursive: true });
  const folder = mkdtempSync('.cache/types-');
  try {
    const tsc = ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.types.json', '--outDir', folder];
    if (spawnSync(process.execPath, tsc, { stdio: 'inherit' }).status !== 0) return undefined;
    const entries = Object.values(JSON.parse(packageManifest()).exports).flatMap(({ types }) => types ?? []);
    return reachable(entries.map((entry) => join(folder, relative('./types', entry)))).map((file) => [
      relative(folder, file),
      withoutOptional(readFileSync(file, 'utf8')),
    ]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What a file imports, by TypeScript's own reading: an example in a comment does not count. */
const importsOf = (text) => ts.preProcessFile(text).importedFiles;

function reachable(files) {
  const found = new Set(files);
  for (const file of found) {
    for (const { fileName } of importsOf(readFileSync(file, 'utf8'))) {
      if (!fileName.startsWith('.')) continue;
      const path = join(dirname(file), fileName);
      const declaration = [`${path}.d.ts`, join(path, 'index.d.ts')].find((it) => existsSync(it));
      if (!declaration) throw new Error(`A public type imports ${fileName}, which a web app cannot resolve: ${file}`);
      found.add(declaration);
    }
  }
  return [...found];
}

/** A type of an optional package is `any` if that isn't installed, rather than an error in a strict project. */
function withoutOptional(text) {
  const lines = text.split('\n');
  const at = importsOf(text)
    .filter(({ fileName }) => optional.has(fileName))
    .map(({ pos }) => text.slice(0, pos).split('\n').length - 1);
  for (const index of new Set(at)) lines[index] = `// @ts-ignore: optional\n${lines[index]}`;
  return lines.join('\n');
}
