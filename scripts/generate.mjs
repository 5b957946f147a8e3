// `npm run generate`: writes every file that is made from the code. With `--check` it writes nothing and exits with 1
// if one of them is out of date; `npm run check` runs that.
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

await build({
  stdin: {
    contents: `export { sections } from './src/settings';
      export { renderSampleSettings, renderSettingsDoc } from './src/settings/render-settings';
      export { rightsFile } from './src/redis/auth/acl';
      export { renderMetricsDoc } from './src/monitoring/metrics/metrics-doc';
      export { rulesJsonSchema } from './src/alerting/rules/rule-schema';`,
    resolveDir: root,
    loader: 'ts',
  },
  bundle: true,
  platform: 'node',
  format: 'cjs',
  packages: 'external',
  loader: { '.lua': 'text' },
  outfile: join(root, '.cache/generate.cjs'),
});
const code = createRequire(import.meta.url)('../.cache/generate.cjs');

/** As biome formats it, which checks these files too. */
function formatted(file, value) {
  const args = ['format', `--stdin-file-path=${file}`];
  const input = JSON.stringify(value, null, 2);
  const done = spawnSync(join(root, 'node_modules/.bin/biome'), args, { cwd: root, encoding: 'utf8', input });
  if (done.status !== 0) throw new Error(`biome could not format ${file}: ${done.stderr}`);
  return done.stdout;
}

const files = {
  'docs/settings.md': code.renderSettingsDoc(code.sections),
  'docs/metrics.md': code.renderMetricsDoc(),
  'local.settings.sample.json': code.renderSampleSettings(code.sections),
  'alerts/rules.schema.json': formatted('alerts/rules.schema.json', code.rulesJsonSchema()),
  'deploy/sentinel/rights': code.rightsFile(),
};

function current(file) {
  try {
    return readFileSync(join(root, file), 'utf8');
  } catch {
    return undefined;
  }
}

const outdated = Object.keys(files).filter((file) => current(file) !== files[file]);
if (process.argv.includes('--check')) {
  for (const file of outdated) console.log(`${file} is out of date`);
  process.exit(outdated.length === 0 ? 0 : 1);
}
for (const file of outdated) writeFileSync(join(root, file), files[file]);
console.log(outdated.length === 0 ? 'every generated file is up to date' : `wrote ${outdated.join(', ')}`);
