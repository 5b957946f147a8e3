// `npm run test:all`: `npm test`, and the tests that take minutes (test/deployed/all). Arguments go to jest.
process.env.STEWARD_TEST_ALL = '1';
await import('./test.mjs');
