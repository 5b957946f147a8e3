// Bundles what runs. `dist/main.js`, the Functions app, holds everything it needs: one file to read at a cold start
// instead of thousands. The library, the command line, the local stack and the benches leave packages outside.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';

/** What a page embeds of a package is text, also where packages stay outside. */
const embedded = {
  name: 'embedded',
  setup: ({ onResolve, onLoad }) => {
    const require = createRequire(import.meta.url);
    onResolve({ filter: /^uplot\/dist\// }, ({ path }) => ({ path: require.resolve(path), namespace: 'embedded' }));
    onLoad({ filter: /./, namespace: 'embedded' }, ({ path }) => ({
      contents: readFileSync(path, 'utf8'),
      loader: 'text',
    }));
  },
};

const shared = {
  plugins: [embedded],
  bundle: true,
  platform: 'node',
  target: 'node22',
  format: 'cjs',
  sourcemap: true,
  logLevel: 'warning',
  loader: { '.lua': 'text', '.html': 'text', '.css': 'text' },
};

const entries = (folder) =>
  readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => join(folder, entry.name));

/** Packages that only some jobs need, each a bundle of its own that is read when it is first imported. */
const lazy = [
  '@azure/data-tables',
  '@azure/identity',
  '@azure/keyvault-secrets',
  '@azure/monitor-query',
  '@azure/storage-blob',
  '@azure/storage-queue',
  'pg',
];
const lazyFile = (name) => `lazy/${name.replace('@', '').replace('/', '-')}`;

const lazyImports = {
  name: 'lazy-imports',
  setup({ onResolve }) {
    onResolve({ filter: /^[^./]/ }, ({ path, kind }) => {
      if (kind !== 'dynamic-import' || path.startsWith('node:')) return undefined;
      if (lazy.includes(path)) return { path: `./${lazyFile(path)}.js`, external: true };
      return { errors: [{ text: `${path} is imported lazily: name it in the list of lazy packages` }] };
    });
  },
};

/** The Functions app. At a cold start the time goes into compiling: what is not needed at once stays in other files. */
async function buildApp() {
  const app = {
    ...shared,
    outdir: 'dist',
    external: ['@azure/functions-core', 'pg-native'],
    minifySyntax: true,
    minifyWhitespace: true,
    keepNames: true,
    // @azure/storage-common reads import.meta.url, which CommonJS leaves undefined.
    define: { 'import.meta.url': '__importMetaUrl' },
    banner: { js: "const __importMetaUrl = require('node:url').pathToFileURL(__filename).href;" },
  };
  await build({ ...app, entryPoints: { main: 'src/main.ts' }, plugins: [lazyImports] });
  await Promise.all(
    lazy.map((name) =>
      build({
        ...app,
        stdin: {
          contents: `export * from '${name}'; ${name === 'pg' ? "export { default } from 'pg';" : ''}`,
          resolveDir: '.',
        },
        entryPoints: undefined,
        outdir: undefined,
        outfile: `dist/${lazyFile(name)}.js`,
        sourcemap: false,
      }),
    ),
  );
}

export async function buildAll() {
  await Promise.all([
    buildApp(),
    build({
      ...shared,
      entryPoints: {
        index: 'src/index.ts',
        functions: 'src/functions/index.ts',
        keyv: 'src/cache/keyv.ts',
        testing: 'src/testing.ts',
      },
      outdir: 'dist',
      packages: 'external',
    }),
    build({
      ...shared,
      entryPoints: { cli: 'src/cli/command-line.ts' },
      outdir: 'dist',
      packages: 'external',
      banner: { js: '#!/usr/bin/env node' },
    }),
    build({
      ...shared,
      entryPoints: entries('local'),
      outbase: 'local',
      outdir: 'dist/local',
      packages: 'external',
    }),
    build({
      ...shared,
      entryPoints: [...entries('bench'), ...entries('bench/scenarios')],
      outbase: 'bench',
      outdir: 'dist/bench',
      packages: 'external',
    }),
  ]);
}

/** The declarations that the package ships. */
export function buildTypes() {
  const done = spawnSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.types.json'], {
    stdio: 'inherit',
  });
  return done.status === 0;
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  rmSync('dist', { recursive: true, force: true });
  await buildAll();
  if (!buildTypes()) process.exit(1);
  console.log(`built dist/: ${readdirSync('dist').join(', ')}`);
}
