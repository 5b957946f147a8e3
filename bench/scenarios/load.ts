import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { projectRoot } from '../../local/servers/paths';
import { bytesBelow, createWebApp, installedPackages } from '../load/web-app';
import { atMost, type BenchResult, median, type Scenario } from '../types';

const RUNS = 15;
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
      const { app, bare, ours, ioredis } = alternate({
        app: () => processMs(artifact, `require(${entry}); process.exit(0)`),
        bare: () => processMs(artifact, 'process.exit(0)'),
        ours: () => requireMs(web.folder, 'cache-steward'),
        ioredis: () => requireMs(web.folder, 'ioredis'),
      });
      const loadMs = app - bare;
      const requireOverIoredis = ours / ioredis;
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

/** Each in turn, again and again: the median of each. The first turn finds the file system's cache cold. */
function alternate<K extends string>(works: Readonly<Record<K, () => number>>): Record<K, number> {
  const names = Object.keys(works) as K[];
  const taken = new Map<K, number[]>(names.map((name) => [name, []]));
  for (let turn = 0; turn <= RUNS; turn++) {
    for (const name of names) {
      const ms = works[name]();
      if (turn > 0) taken.get(name)?.push(ms);
    }
  }
  return Object.fromEntries(names.map((name) => [name, median(taken.get(name) ?? [])])) as Record<K, number>;
}

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
