// `npm run jest -- test/cache/cache.test.ts`: some tests alone, by the right Node, without the checks and the build that
// `npm test` does first. Arguments go to jest.
import { outliveReader, runChild } from './child.mjs';

outliveReader();
const jest = ['node_modules/jest/bin/jest.js', '--cacheDirectory=.cache/jest'];
process.exit(await runChild(process.execPath, [...jest, ...process.argv.slice(2)]));
