// `npm run faults [-- <count>] [--seed <n>]`: the model test of write-behind under kills, freezes and cuts, at length.
// `npm run faults -- ha [--write]`: the library through failovers, reshardings and maintenance, on a cluster, on Sentinel
// and on two regions; with --write the table goes into docs/high-availability.md.
import { runChild } from './child.mjs';

const args = process.argv.slice(2);
const at = args.indexOf('--seed');
const seed = at < 0 ? undefined : args[at + 1];
const subject = args[0] === 'ha' ? 'ha' : 'write-behind';
const count = at === 0 || subject === 'ha' ? undefined : args[0];
for (const [name, given] of [
  ['count', count],
  ['--seed', seed],
]) {
  if (given === undefined || /^\d+$/.test(given)) continue;
  console.error(`Expected ${name} to be a whole number, got ${given}.`);
  process.exit(2);
}
const write = args.includes('--write') && { FAULTS_WRITE: 'yes' };
const env = { ...process.env, FAULTS: count ?? '300', ...write, ...(seed === undefined ? {} : { FAULTS_SEED: seed }) };
const jest = ['node_modules/jest/bin/jest.js', `test/faults/${subject}.test.ts`, '--maxWorkers=1'];
process.exit(await runChild(process.execPath, jest, { env }));
