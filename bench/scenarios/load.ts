import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { atMost, type BenchResult, median, type Scenario } from '../types';

const RUNS = 15;

/** What the app costs a cold start: loading its entry point, no connections, over a bare Node. Runs alternate. */
export const scenario: Scenario = {
  name: 'load',
  async run(): Promise<BenchResult> {
    const entry = resolve(__dirname, '..', '..', 'app', 'main.js');
    const app: number[] = [];
    const bare: number[] = [];
    for (let run = 0; run <= RUNS; run++) {
      const ours = once(`require(${JSON.stringify(entry)}); process.exit(0)`);
      const theirs = once('process.exit(0)');
      if (run === 0) continue; // the file system's cache is cold
      app.push(ours);
      bare.push(theirs);
    }
    const loadMs = median(app) - median(bare);
    return {
      scenario: 'load',
      figures: { loadMs },
      peers: { bareNodeMs: median(bare) },
      ratios: { overBareNode: median(app) / median(bare) },
      bars: [atMost('figures.loadMs', loadMs, 200)],
    };
  },
};

function once(script: string): number {
  const started = performance.now();
  const done = spawnSync(process.execPath, ['-e', script], { stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8' });
  if (done.status !== 0) throw new Error(`loading failed: ${done.stderr}`);
  return performance.now() - started;
}
