/**
 * Imports point one way. A layer may import itself, what stands before it here, and the shared leaves
 * (errors, clock, logger); never what stands after it.
 */
const layers = [
  ['settings'],
  ['storage'],
  ['redis'],
  ['entities'],
  ['cache', 'sessions'],
  ['write-behind', 'refresh-ahead', 'hygiene', 'monitoring'],
  ['alerting'],
  ['doctor'],
  ['client', 'self-check'],
  ['app', 'index'],
  ['functions', 'cli'],
];

const later = (index) => layers.slice(index + 1).flat();

module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    ...layers.slice(0, -1).map((names, index) => ({
      name: `one-way-from-${names[0]}`,
      severity: 'error',
      from: { path: names.map((name) => `^src/${name}(/|\\.ts$)`).join('|') },
      to: { path: later(index).map((name) => `^src/${name}(/|\\.ts$)`).join('|') },
    })),
    {
      name: 'product-stands-alone',
      comment: 'The product never imports the local stack, the benches or the tests.',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(local|bench|test)/' },
    },
    {
      name: 'no-dev-dependency-in-product',
      severity: 'error',
      from: { path: '^src/' },
      // Types of Express are erased; whoever sets up sessions in an Express app has them.
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'], pathNot: ['@types/'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { extensions: ['.ts', '.js', '.json', '.lua'] },
  },
};
