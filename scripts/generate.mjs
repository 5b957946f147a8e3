// Writes what is generated: docs/settings.md and local.settings.sample.json from the settings, deploy/sentinel/rights
// from the least rights.
import { mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { build } from 'esbuild';

await build({
  stdin: {
    contents: `export { sections } from './src/settings'; export * from './src/settings/render-settings';
      export { rightsFile } from './src/redis/auth/acl';`,
    resolveDir: process.cwd(),
    loader: 'ts',
  },
  bundle: true,
  platform: 'node',
  format: 'cjs',
  packages: 'external',
  outfile: '.cache/generate.cjs',
});
const { sections, renderSettingsDoc, renderSampleSettings, rightsFile } = createRequire(import.meta.url)(
  '../.cache/generate.cjs',
);
mkdirSync('docs', { recursive: true });
writeFileSync('docs/settings.md', renderSettingsDoc(sections));
writeFileSync('local.settings.sample.json', renderSampleSettings(sections));
writeFileSync('deploy/sentinel/rights', rightsFile());
console.log('wrote docs/settings.md, local.settings.sample.json and deploy/sentinel/rights');
