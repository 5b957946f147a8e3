// `npm test`: the checks, the build, then every test. Ends with one plain line made from jest's own result.
// Arguments go to jest: `npm test -- test/cache`.
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildAll, buildTypes } from './build.mjs';
import { check } from './check.mjs';
import { outliveReader, runChild } from './child.mjs';

const result = '.cache/test-result.json';
mkdirSync('.cache', { recursive: true });
rmSync(result, { force: true });

outliveReader();
const checked = check();
await buildAll();
const built = buildTypes();
console.log(`${built ? 'ok  ' : 'FAIL'} build`);

// Whatever a test or a server leaves in the folder for temporary files goes with it.
const temporary = mkdtempSync(join(tmpdir(), 'steward-test-'));
chmodSync(temporary, 0o755); // PostgreSQL runs as another user
const code = await runChild(
  process.execPath,
  [
    ...['node_modules/jest/bin/jest.js', '--json', `--outputFile=${result}`, '--silent=false'],
    ...['--cacheDirectory=.cache/jest', ...process.argv.slice(2)],
  ],
  // jest's JSON also goes to standard output, where nobody wants it; its progress comes on standard error.
  { stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, TMPDIR: temporary } },
);
rmSync(temporary, { recursive: true, force: true });

let line = 'Tests: 0 passed, 1 failed, 0 skipped';
try {
  const { numPassedTests, numFailedTests, numFailedTestSuites, numPendingTests, numTodoTests } = JSON.parse(
    readFileSync(result, 'utf8'),
  );
  // A suite that could not even be loaded holds no test; it must not count as nothing.
  const failed = Math.max(numFailedTests, numFailedTestSuites > 0 ? 1 : 0);
  line = `Tests: ${numPassedTests} passed, ${failed} failed, ${numPendingTests + numTodoTests} skipped`;
} catch {
  console.error('jest left no result');
}
if (!checked) console.error('The checks before the tests failed; see above.');
console.log(line);
process.exit(checked && built && code === 0 ? 0 : 1);
