import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { projectRoot } from '../../local/servers/paths';
import { bytesBelow, createWebApp, installedPackages } from '../load/web-app';
import { atMost, type BenchResult, median, type Scenario } from '../types';

const RUNS = 21;
const MB = 1e6;

/** With these the app finds nothing wrong, and registers all it has. */
const ENVIRONMENT = {
  PATH: process.env.PATH,
  REDIS_URL: 'redis://127.0.0.1:6379',
  AzureWebJobsStorage: 'UseDevelopmentStorage=true',
};

/**
 * What the app costs a cold start (loading its entry point, with no connection, over a bare Node), and what the package
 * costs a web app: requiring it, and having it installed. Runs alternate.
 */
export const scenario: Scenario = {
  name: 'load',
  async run(): Promise<BenchResult> {
    const artifact = join(projectRoot, 'dist/app');
    const web = createWebApp(join(projectRoot, 'dist/package'));
    try {
      web.install(web.tarball);
      const entry = JSON.stringify(join(artifact, 'main.js'));
      const taken = alternate({
        app: () => processMs(artifact, `require(${entry}); process.exit(0)`),
        bare: () => processMs(artifact, 'process.exit(0)'),
        ours: () => requireMs(web.folder, 'cache-steward'),
        ioredis: () => requireMs(web.folder, 'ioredis'),
      });
      const { app, bare, ours, ioredis } = mapValues(taken, median);
      const loadMs = app - bare;
      // Of each turn its own ratio: what slows the machine for a while slows both.
      const requireOverIoredis = median(taken.ours.map((ms, turn) => ms / (taken.ioredis[turn] ?? Number.NaN)));
      const artifactMb = bytesBelow(artifact) / MB;
      const packages = installedPackages(web.folder).length;
      const installMb = bytesBelow(join(web.folder, 'node_modules')) / MB;
      return {
        scenario: 'load',
        figures: { loadMs, requireMs: ours, artifactMb, packages, installMb },
        peers: { bareNodeMs: bare, ioredisRequireMs: ioredis },
        ratios: { overBareNode: app / bare, requireOverIoredis },
        bars: [
          atMost('figures.loadMs', loadMs, 200),
          atMost('ratios.requireOverIoredis', requireOverIoredis, 1.5),
          atMost('figures.artifactMb', artifactMb, 6),
          atMost('figures.packages', packages, 21),
          atMost('figures.installMb', installMb, 15),
        ],
      };
    } finally {
      web.remove();
    }
  },
};

/** What each took, in turn, again and again. The first turn finds the file system's cache cold. */
function alternate<K extends string>(works: Readonly<Record<K, () => number>>): Record<K, number[]> {
  const taken = mapValues(works, (): number[] => []);
  for (let turn = 0; turn <= RUNS; turn++) {
    for (const name of Object.keys(works) as K[]) {
      const ms = works[name]();
      if (turn > 0) taken[name].push(ms);
    }
  }
  return taken;
}

const mapValues = <K extends string, V, W>(record: Readonly<Record<K, V>>, map: (value: V) => W): Record<K, W> =>
  Object.fromEntries(Object.entries<V>(record).map(([name, value]) => [name, map(value)])) as Record<K, W>;

/** A whole process that runs `script`. */
function processMs(folder: string, script: string): number {
  const started = performance.now();
  run(folder, script);
  return performance.now() - started;
}

/** Requiring a package, as the process sees it that does so. */
function requireMs(folder: string, name: string): number {
  const script = `const from = performance.now(); require('${name}');
    process.stdout.write(String(performance.now() - from), () => process.exit(0));`;
  return Number(run(folder, script));
}

function run(folder: string, script: string): string {
  const done = spawnSync(process.execPath, ['-e', script], {
    ...{ cwd: folder, env: ENVIRONMENT, stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8' },
  });
  if (done.status !== 0) throw new Error(`Loading failed: ${done.stderr}`);
  return done.stdout;
}
