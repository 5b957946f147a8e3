import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder outside of the repository that holds the packed package and, in `app`, a project that has nothing yet. */
export interface WebApp {
  readonly folder: string;
  readonly tarball: string;
  /** As anybody does it: install scripts run, and optional dependencies come along. */
  install(...packages: readonly string[]): void;
  remove(): void;
}

/** Packs `packageFolder` as it would be published. */
export function createWebApp(packageFolder: string): WebApp {
  const place = mkdtempSync(join(tmpdir(), 'steward-web-app-'));
  const folder = join(place, 'app');
  mkdirSync(folder);
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'web-app', private: true }));
  execFileSync('npm', ['pack', packageFolder, '--pack-destination', place, '--loglevel=error'], {
    ...{ cwd: place, stdio: 'pipe' },
  });
  return {
    folder,
    tarball: join(place, readdirSync(place).find((name) => name.endsWith('.tgz')) as string),
    install(...packages) {
      const quiet = ['--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error'];
      execFileSync('npm', ['install', ...packages, ...quiet], { cwd: folder, stdio: 'pipe' });
    },
    remove: () => rmSync(place, { recursive: true, force: true }),
  };
}

export interface InstalledPackage {
  readonly name: string;
  readonly hasInstallScript: boolean;
}

/** What npm has installed in `folder`, by its own list. */
export function installedPackages(folder: string): InstalledPackage[] {
  const lock = JSON.parse(readFileSync(join(folder, 'node_modules/.package-lock.json'), 'utf8')) as {
    packages: Record<string, { hasInstallScript?: boolean }>;
  };
  return Object.entries(lock.packages).map(([path, { hasInstallScript = false }]) => ({
    name: path.replace(/^.*node_modules\//, ''),
    hasInstallScript,
  }));
}

/** Bytes of all files below `folder`. */
export function bytesBelow(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0);
}
