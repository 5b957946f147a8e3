/** @type {import('jest').Config} */
module.exports = {
  testEnvironment: 'node',
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.test.ts'],
  // They take minutes: `npm run test:all` runs them as well.
  testPathIgnorePatterns: ['/node_modules/', ...(process.env.STEWARD_TEST_ALL ? [] : ['<rootDir>/test/deployed/all/'])],
  transform: {
    '\\.ts$': ['@swc/jest', { jsc: { target: 'es2023', parser: { syntax: 'typescript' } }, module: { type: 'commonjs' } }],
    'uPlot\\.iife\\.min\\.js$': '<rootDir>/scripts/jest-text.cjs',
    '\\.(lua|html|css)$': '<rootDir>/scripts/jest-text.cjs',
  },
  // The chart library is embedded in the dashboard as text.
  transformIgnorePatterns: ['/node_modules/(?!uplot/)'],
  moduleFileExtensions: ['ts', 'js', 'cjs', 'mjs', 'json', 'node', 'lua'],
  modulePathIgnorePatterns: ['<rootDir>/dist', '<rootDir>/.cache'],
  testTimeout: 60_000,
  maxWorkers: 2,
};
