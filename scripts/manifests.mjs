// The two package.json files that are published, made from the repository's own.
import { readFileSync } from 'node:fs';

const { name, version, description, license, type, engines, dependencies } = JSON.parse(
  readFileSync('package.json', 'utf8'),
);
const text = (manifest) => `${JSON.stringify(manifest, null, 2)}\n`;

/** Packages that only some features need, by their major version. A project that uses such a feature installs them. */
export const peers = {
  '@azure/data-tables': 13,
  '@azure/functions': 4,
  '@azure/identity': 4,
  '@azure/keyvault-secrets': 4,
  '@azure/monitor-query': 1,
  '@azure/storage-blob': 12,
  '@azure/storage-queue': 12,
  '@opentelemetry/api': 1,
  'express-session': 1,
  keyv: 5,
  pg: 8,
};

/** The Functions app's: what the platform's worker reads of it. It holds everything it needs, so it depends on nothing. */
export const appManifest = () => text({ name, version, private: true, type, main: 'main.js', engines });

/** That of the package which web apps install. */
export const packageManifest = () =>
  text({
    ...{ name, version, description, license, type, engines },
    exports: {
      '.': { types: './types/index.d.ts', default: './index.js' },
      './functions': { types: './types/functions/index.d.ts', default: './functions.js' },
      './keyv': { types: './types/cache/keyv.d.ts', default: './keyv.js' },
      './testing': { types: './types/testing.d.ts', default: './testing.js' },
      './package.json': './package.json',
    },
    bin: { 'cache-steward': 'cli.js' },
    dependencies: { ioredis: `^${dependencies.ioredis}` },
    peerDependencies: Object.fromEntries(Object.entries(peers).map(([peer, major]) => [peer, `^${major}.0.0`])),
    peerDependenciesMeta: Object.fromEntries(Object.keys(peers).map((peer) => [peer, { optional: true }])),
  });
