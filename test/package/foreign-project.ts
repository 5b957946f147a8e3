import { execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { projectRoot } from '../../local/servers/paths';
import { ensureBuilt, packageFolder } from '../built';

export interface Ran {
  readonly status: number | null;
  readonly output: string;
}

/** A project of somebody else's, outside of the repository, in which the packed package is installed. */
export class ForeignProject {
  readonly folder = join(mkdtempSync(join(tmpdir(), 'steward-foreign-')), 'app');
  readonly tarball: string;

  constructor() {
    ensureBuilt();
    const place = join(this.folder, '..');
    mkdirSync(this.folder);
    execFileSync('npm', ['pack', packageFolder, '--pack-destination', place, '--loglevel=error'], { cwd: place });
    this.tarball = join(place, readdirSync(place).find((name) => name.endsWith('.tgz')) as string);
    this.write('package.json', JSON.stringify({ name: 'foreign', private: true }));
  }

  /** As anybody does it: install scripts run, and optional dependencies come along. */
  install(...packages: readonly string[]): void {
    const quiet = ['--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error'];
    execFileSync('npm', ['install', ...packages, ...quiet], { cwd: this.folder, stdio: 'pipe' });
  }

  /** A package of this repository, put there without counting as a dependency: a tool, or types. */
  lend(name: string): void {
    const place = join(this.folder, 'node_modules', name);
    if (existsSync(place)) return;
    mkdirSync(join(place, '..'), { recursive: true });
    symlinkSync(join(projectRoot, 'node_modules', name), place);
  }

  write(file: string, text: string): string {
    mkdirSync(join(this.folder, file, '..'), { recursive: true });
    writeFileSync(join(this.folder, file), text);
    return file;
  }

  run(command: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Ran {
    const { status, stdout, stderr } = spawnSync(command, args, {
      ...{ cwd: this.folder, encoding: 'utf8', timeout: 60_000 },
      env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
    });
    return { status, output: `${stdout}${stderr}`.trim() };
  }

  node(script: string, env?: Readonly<Record<string, string>>): Ran {
    return this.run(process.execPath, ['-e', script], env);
  }

  /** What npm has installed, by the folders of its own list. */
  packages(): { readonly name: string; readonly hasInstallScript: boolean }[] {
    const lock = JSON.parse(readFileSync(join(this.folder, 'node_modules/.package-lock.json'), 'utf8')) as {
      packages: Record<string, { hasInstallScript?: boolean }>;
    };
    return Object.entries(lock.packages).map(([folder, { hasInstallScript = false }]) => ({
      name: folder.replace(/^.*node_modules\//, ''),
      hasInstallScript,
    }));
  }

  /** Bytes of all files that npm has installed. */
  bytes(): number {
    return readdirSync(join(this.folder, 'node_modules'), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0);
  }

  files(): string[] {
    return readdirSync(join(this.folder, 'node_modules/cache-steward'), { recursive: true }).map(String).sort();
  }

  remove(): void {
    rmSync(join(this.folder, '..'), { recursive: true, force: true });
  }
}
