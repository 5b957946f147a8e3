// Bundles what runs into `dist/`:
//   app/      the Functions app, exactly as it is published: everything that it loads, and nothing else
//   package/  the package that web apps install, exactly as it is published
//   local/, bench/  tools of this repository; maps/  the source maps of app/
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { declarations } from './declarations.mjs';
import { appManifest, packageManifest, peers } from './manifests.mjs';

/** What a page embeds of a package is text, even if packages stay outside. */
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

/** Packages that only some jobs need, each a bundle of its own that the app reads when it first imports it. */
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

/** If a bundle holds its packages, those imported lazily go to files of their own. */
const lazyImports = {
  name: 'lazy-imports',
  setup({ onResolve, initialOptions: { packages, external = [] } }) {
    if (packages === 'external') return;
    onResolve({ filter: /^[^./]/ }, ({ path, kind, importer }) => {
      if (kind !== 'dynamic-import' || path.startsWith('node:') || importer.includes('node_modules')) return undefined;
      if (external.includes(path)) return undefined;
      if (lazy.includes(path)) return { path: `./${lazyFile(path)}.js`, external: true };
      return { errors: [{ text: `${path} is imported lazily: name it in the list of lazy packages` }] };
    });
  },
};

/** An entry that needs a package which stays outside says so in one sentence if that isn't installed. */
const neededPackages = {
  name: 'needed-packages',
  setup({ onResolve, onLoad, initialOptions: { external = [] } }) {
    const features = { '@azure/functions': 'Jobs' };
    onResolve({ filter: /^@azure\/functions$/ }, ({ path, kind }) =>
      kind === 'import-statement' && external.includes(path) ? { path, namespace: 'needed' } : undefined,
    );
    onLoad({ filter: /./, namespace: 'needed' }, ({ path }) => ({
      resolveDir: '.',
      contents: `const { missing } = require('./src/optional-packages');
        try { module.exports = require('${path}'); }
        catch (error) { missing('${path}@${peers[path]}', '${features[path]}')(error); }`,
    }));
  },
};

/** For every bundle the same, so that none can lack a loader or a plug-in that another has. */
const shared = {
  plugins: [embedded, lazyImports, neededPackages],
  loader: { '.lua': 'text', '.html': 'text', '.css': 'text' },
  bundle: true,
  platform: 'node',
  target: 'node22',
  format: 'cjs',
  logLevel: 'warning',
};

/** Builds in memory. A warning is a failure: it is how esbuild says that an import will be undefined. */
async function bundle(options) {
  const { outputFiles, warnings, metafile } = await build({ ...shared, ...options, write: false, metafile: true });
  if (warnings.length > 0) throw new Error(`The build of ${options.outdir} has ${warnings.length} warnings; see above`);
  return Object.assign(
    outputFiles.map(({ path, contents }) => [relative(options.outdir, path), contents]),
    { inputs: Object.keys(metafile.inputs) },
  );
}

/** What the licenses of the packages inside a bundle ask to be passed on. */
function notices(inputs) {
  const folders = inputs.flatMap((input) => /^node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input) ?? []);
  return [...new Set(folders)]
    .sort()
    .map((folder) => {
      const file = readdirSync(folder).find((name) => /^licen[sc]e/i.test(name));
      const { name, version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
      return `${name} ${version}\n\n${readFileSync(join(folder, file), 'utf8').trim()}\n`;
    })
    .join(`\n${'-'.repeat(80)}\n\n`);
}

/** Makes `folder` hold these files, folders that others fill, and no more. Nothing is missing meanwhile for who runs it. */
function fill(folder, files, others = []) {
  const wanted = new Map(files);
  mkdirSync(folder, { recursive: true });
  for (const name of readdirSync(folder, { recursive: true })) {
    const isWanted = [...wanted.keys()].some((file) => file === name || file.startsWith(`${name}/`));
    if (!isWanted && !others.includes(name.split('/')[0])) rmSync(join(folder, name), { recursive: true, force: true });
  }
  for (const [name, contents] of wanted) {
    write(join(folder, name), contents);
  }
}

/**
 * Another process may be reading what we build, a second `npm start` for one: a file that is the same stays as it is,
 * and of one that changes it sees the old or the new text, never a part.
 */
function write(path, contents) {
  const bytes = Buffer.from(contents);
  if (existsSync(path) && readFileSync(path).equals(bytes)) return;
  mkdirSync(dirname(path), { recursive: true });
  mkdirSync('.cache', { recursive: true });
  const whole = join('.cache', `build-${process.pid}`);
  writeFileSync(whole, bytes);
  renameSync(whole, path);
}

const entries = (folder) =>
  readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => join(folder, entry.name));

/** The Functions app. At a cold start the time goes into compiling: what is not needed at once stays in other files. */
async function buildApp() {
  const outdir = 'dist/app';
  const options = {
    outdir,
    external: ['@azure/functions-core', 'pg-native'],
    minifySyntax: true,
    minifyWhitespace: true,
    keepNames: true,
    // @azure/storage-common reads import.meta.url, which CommonJS leaves undefined.
    define: { 'import.meta.url': '__importMetaUrl' },
    banner: { js: "const __importMetaUrl = require('node:url').pathToFileURL(__filename).href;" },
  };
  const main = await bundle({
    ...options,
    entryPoints: { main: 'src/main.ts' },
    sourcemap: 'external',
    footer: { js: '//# sourceMappingURL=../maps/main.js.map' },
  });
  const packages = await Promise.all(
    lazy.map(async (name) => {
      const contents = `export * from '${name}'; ${name === 'pg' ? "export { default } from 'pg';" : ''}`;
      const [[, text]] = await bundle({ ...options, stdin: { contents, resolveDir: '.' } });
      return [`${lazyFile(name)}.js`, text];
    }),
  );
  fill(outdir, [
    ...main.filter(([name]) => !name.endsWith('.map')),
    ...packages,
    ['host.json', readFileSync('host.json')],
    ['package.json', appManifest()],
  ]);
  fill(
    'dist/maps',
    main.filter(([name]) => name.endsWith('.map')),
  );
}

/**
 * What web apps install. Outside stay ioredis, whose clients are passed in, and what only some features need; the
 * manifest names them. The rest is inside: fewer files to read, and nothing of it that isn't used.
 */
async function buildPackage() {
  const outdir = 'dist/package';
  const options = { outdir, external: ['ioredis', ...Object.keys(peers)] };
  const [library, commandLine] = await Promise.all([
    bundle({
      ...options,
      entryPoints: {
        index: 'src/index.ts',
        functions: 'src/functions/index.ts',
        keyv: 'src/cache/keyv.ts',
        testing: 'src/testing.ts',
      },
    }),
    bundle({ ...options, entryPoints: { cli: 'src/cli/command-line.ts' }, banner: { js: '#!/usr/bin/env node' } }),
  ]);
  const texts = ['README.md', 'CHANGELOG.md', 'LICENSE'].map((file) => [file, readFileSync(file)]);
  const made = [
    ['package.json', packageManifest()],
    ['THIRD-PARTY-NOTICES.txt', notices([...library.inputs, ...commandLine.inputs])],
  ];
  fill(outdir, [...library, ...commandLine, ...texts, ...made], ['types']);
}

async function buildTools(folder, entryPoints) {
  const outdir = `dist/${folder}`;
  fill(outdir, await bundle({ outdir, entryPoints, outbase: folder, packages: 'external', sourcemap: true }));
}

export async function buildAll() {
  await Promise.all([
    buildApp(),
    buildPackage(),
    buildTools('local', entries('local')),
    buildTools('bench', [...entries('bench'), ...entries('bench/scenarios')]),
  ]);
  // A checkout's library by a short name, for scripts that stand outside of it.
  for (const name of ['index', 'functions', 'keyv', 'testing', 'cli']) {
    write(`dist/${name}.js`, `module.exports = require('./package/${name}.js');\n`);
  }
}

/** The declarations that the package ships. True if there was no fault. */
export function buildTypes() {
  const files = declarations();
  if (files) fill('dist/package/types', files);
  return files !== undefined;
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  rmSync('dist', { recursive: true, force: true });
  await buildAll();
  if (!buildTypes()) process.exit(1);
  console.log(`built dist/: ${readdirSync('dist').join(', ')}`);
}
