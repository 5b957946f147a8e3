// Writes what is generated from the settings: docs/settings.md and local.settings.sample.json.
import { mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { build } from 'esbuild';

await build({
  stdin: {
    contents: "export { sections } from './src/settings'; export * from './src/settings/render';",
    resolveDir: process.cwd(),
    loader: 'ts',
  },
  bundle: true,
  platform: 'node',
  format: 'cjs',
  packages: 'external',
  outfile: '.cache/generate.cjs',
});
const { sections, renderSettingsDoc, renderSampleSettings } = createRequire(import.meta.url)('../.cache/generate.cjs');
mkdirSync('docs', { recursive: true });
writeFileSync('docs/settings.md', renderSettingsDoc(sections));
writeFileSync('local.settings.sample.json', renderSampleSettings(sections));
console.log('wrote docs/settings.md and local.settings.sample.json');
