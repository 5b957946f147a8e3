import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { build } from 'esbuild';
import { cacheDir, projectRoot } from '../../local/servers/paths';
import { HostProcess } from '../../local/stack/host-process';

/** A line of the host's standard output, parsed. */
export interface HostEvent {
  readonly event?: 'log' | 'invocation';
  readonly listening?: string;
  readonly functions?: readonly { name: string; trigger: string }[];
  readonly function?: string;
  readonly functionName?: string;
  readonly ok?: boolean;
  readonly error?: string;
  readonly level?: string;
  readonly category?: string;
  readonly message?: string;
}

/** A folder below the project, so that apps in it find the project's dependencies. */
export async function testFolder(): Promise<{ path: string; remove(): Promise<void> }> {
  await mkdir(cacheDir, { recursive: true });
  const path = await mkdtemp(join(cacheDir, 'test-host-'));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

/** Bundles a script of the local stack, as the build does. */
export async function bundle(entry: { file: string } | { code: string }, outfile: string): Promise<void> {
  await build({
    ...('file' in entry
      ? { entryPoints: [join(projectRoot, entry.file)] }
      : { stdin: { contents: entry.code, resolveDir: projectRoot, loader: 'ts' as const } }),
    bundle: true,
    packages: 'external',
    platform: 'node',
    target: 'node22',
    loader: { '.lua': 'text', '.html': 'text', '.css': 'text' },
    outfile,
  });
}

export async function writeFiles(folder: string, files: Readonly<Record<string, string | object>>): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), typeof content === 'string' ? content : JSON.stringify(content));
  }
}

/** A host under test: what it said, and a way to wait for what it will say. */
export class TestHost {
  readonly events: HostEvent[] = [];
  readonly other: string[] = [];
  readonly process: HostProcess;
  #waiting: (() => void)[] = [];

  /** `host` is a script for Node, or a program with its first arguments. */
  constructor(host: string | readonly string[], appDir: string, env: Record<string, string>, args: string[] = []) {
    const [command = '', ...first] = typeof host === 'string' ? [process.execPath, host, '--port', '0'] : host;
    this.process = new HostProcess({
      command,
      args: [...first, '--app-dir', appDir, ...args],
      cwd: appDir,
      env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
      onLine: (line) => {
        if (line.startsWith('{')) this.events.push(JSON.parse(line) as HostEvent);
        else this.other.push(line);
        for (const wake of this.#waiting.splice(0)) wake();
      },
    });
    void this.process.exited.then(() => {
      for (const wake of this.#waiting.splice(0)) wake();
    });
  }

  /** The first event, of those past or to come, that `matches`; rejects if the host ends before. */
  async until(matches: (event: HostEvent) => boolean): Promise<HostEvent> {
    for (;;) {
      const found = this.events.find(matches);
      if (found) return found;
      if (!this.process.running) throw new Error(`The host ended: ${this.other.join('\n')}`);
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  /** What the functions logged, parsed where it is JSON. */
  logs(functionName?: string): unknown[] {
    return this.events
      .filter((event) => event.event === 'log' && event.category === 'user' && event.functionName === functionName)
      .map((event) => parsed(event.message ?? ''));
  }

  async address(): Promise<string> {
    return (await this.until((event) => event.listening !== undefined)).listening as string;
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
