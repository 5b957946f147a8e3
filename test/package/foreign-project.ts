import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createWebApp, type WebApp } from '../../bench/load/web-app';
import { projectRoot } from '../../local/servers/paths';
import { ensureBuilt, packageFolder } from '../built';

export interface Ran {
  readonly status: number | null;
  readonly output: string;
}

/** A project of somebody else's, outside of the repository, in which the packed package is installed. */
export class ForeignProject {
  readonly #web: WebApp;
  readonly folder: string;

  constructor() {
    ensureBuilt();
    this.#web = createWebApp(packageFolder);
    this.folder = this.#web.folder;
  }

  /** This package, or those that are named. */
  install(...packages: readonly string[]): void {
    this.#web.install(...(packages.length > 0 ? packages : [this.#web.tarball]));
  }

  /** A package of this repository, put there without counting as a dependency: a tool, or types. */
  lend(name: string): void {
    const place = join(this.folder, 'node_modules', name);
    if (existsSync(place)) return;
    mkdirSync(join(place, '..'), { recursive: true });
    symlinkSync(join(projectRoot, 'node_modules', name), place);
  }

  write(file: string, text: string): void {
    mkdirSync(join(this.folder, file, '..'), { recursive: true });
    writeFileSync(join(this.folder, file), text);
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

  files(): string[] {
    return readdirSync(join(this.folder, 'node_modules/cache-steward'), { recursive: true }).map(String).sort();
  }

  remove(): void {
    this.#web.remove();
  }
}
