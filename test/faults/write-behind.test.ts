import { runFaults } from './write-behind/run';

/** `npm run faults` asks for more of them. */
const FAULTS = Number(process.env.FAULTS ?? 30);
const SEED = Number(process.env.FAULTS_SEED ?? Math.floor(Math.random() * 1_000_000));

it(`write-behind loses and reorders nothing under ${FAULTS} faults (seed ${SEED})`, async () => {
  const report = await runFaults(FAULTS, SEED);
  if (!report) {
    console.warn('skipped: this machine has no PostgreSQL that could be killed, and none could be unpacked');
    return;
  }
  const { faults, findings, ...counts } = report;
  const made = Object.values(faults).reduce((sum, count) => sum + count, 0);
  console.info(JSON.stringify({ faults: made, ...counts, of: faults }, null, 1));
  expect(findings.slice(0, 20)).toEqual([]);
  const { lost, regressed, dirty } = report;
  expect({ made, lost, regressed, dirty }).toEqual({ made: FAULTS, lost: 0, regressed: 0, dirty: 0 });
  expect(report.acknowledged).toBeGreaterThan(FAULTS * 10);
}, 3_600_000);
