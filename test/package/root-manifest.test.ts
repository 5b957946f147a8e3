import { globSync, readFileSync } from 'node:fs';
import manifest from '../../package.json';

/** What the repository itself stands on: these eight were asked for by name, and stay. */
const ASKED_FOR: Readonly<Record<string, RegExp>> = {
  '@azure/functions': /from '@azure\/functions'/,
  '@azure/identity': /import\('@azure\/identity'\)/,
  '@azure/keyvault-secrets': /import\('@azure\/keyvault-secrets'\)/,
  '@azure/monitor-query': /import\('@azure\/monitor-query'\)/,
  'azure-functions-core-tools': /node_modules\/azure-functions-core-tools\/bin/,
  'bicep-types': /from 'bicep-types'/,
  ioredis: /from 'ioredis'/,
  jest: /node_modules\/jest\/bin\/jest\.js/,
};

const all: Readonly<Record<string, string>> = { ...manifest.dependencies, ...manifest.devDependencies };
const sources = globSync('{src,local,scripts,test}/**/*.{ts,mjs,cjs}')
  .filter((file) => !file.endsWith('root-manifest.test.ts'))
  .map((file) => readFileSync(file, 'utf8'));

test.each(Object.entries(ASKED_FOR))('%s is a dependency, and in use', (name, use) => {
  expect(all[name]).toBeDefined();
  expect(sources.some((text) => use.test(text))).toBe(true);
});

test('every version is exact', () => {
  for (const [name, version] of Object.entries(all)) {
    expect([name, version]).toEqual([name, expect.stringMatching(/^\d+\.\d+\.\d+(-[\w.-]+)?$/)]);
  }
});

test('the repository itself is never published, and its entry is the built app, for `func start`', () => {
  expect(manifest).toMatchObject({ private: true, main: 'dist/app/main.js' });
});
