/** @type {import('jest').Config} */
module.exports = {
  testEnvironment: 'node',
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.test.ts'],
  transform: {
    '\\.ts$': ['@swc/jest', { jsc: { target: 'es2023', parser: { syntax: 'typescript' } }, module: { type: 'commonjs' } }],
    '\\.(lua|html|css)$': '<rootDir>/scripts/jest-text.cjs',
  },
  moduleFileExtensions: ['ts', 'js', 'cjs', 'mjs', 'json', 'node', 'lua'],
  modulePathIgnorePatterns: ['<rootDir>/dist', '<rootDir>/.cache'],
  testTimeout: 60_000,
  maxWorkers: 2,
};
