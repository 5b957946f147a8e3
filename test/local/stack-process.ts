import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { projectRoot } from '../../local/servers/paths';

/** The local stack as a process of its own, and what became of the processes that it started. */
export interface StackProcess {
  readonly child: ChildProcess;
  readonly pid: number;
  /** What it has printed, on both streams. */
  readonly output: string;
  /** Its lines, without the time before each. */
  readonly lines: readonly string[];
  /** The exit code, or the name of the signal that ended it. */
  readonly ended: Promise<number | string>;
  /** Resolves with the first match of what it prints; rejects if it ends without. */
  until(text: RegExp): Promise<RegExpExecArray>;
}

const children: ChildProcess[] = [];
const named = ['REDIS_URL', 'REDIS_NODES', 'REDIS_SENTINELS', 'AzureWebJobsStorage', 'DATABASE_URL'];

/** What `npm start` runs, without npm. */
export function startStack(args: readonly string[] = [], env: Readonly<Record<string, string>> = {}): StackProcess {
  return launch(process.execPath, [join(projectRoot, 'dist/local/start.js'), ...args], env);
}

/** `npm start` as a container runs it, by a shell; npm is the leader of a process group of its own. */
export function startByNpm(env: Readonly<Record<string, string>> = {}): StackProcess {
  return launch('sh', ['-c', 'exec npm start'], env, true);
}

/** Kills what a test has left running; its servers go with it. */
export function endAll(): void {
  for (const child of children.splice(0)) child.kill('SIGKILL');
}

function launch(command: string, args: readonly string[], env: Readonly<Record<string, string>>, detached = false) {
  const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => !named.includes(name)));
  const child = spawn(command, args, {
    cwd: projectRoot,
    env: { ...inherited, STEWARD_HOST: 'local', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached,
  });
  children.push(child);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  let hasEnded = false;
  const ended = once(child, 'close').then(([code, signal]) => {
    hasEnded = true;
    return (code ?? signal) as number | string;
  });
  return {
    child,
    ended,
    get pid() {
      return child.pid as number;
    },
    get output() {
      return output;
    },
    get lines() {
      const lines = output.split('\n').filter((line) => line !== '');
      return lines.map((line) => line.replace(/^\d\d:\d\d:\d\d {2}/, ''));
    },
    async until(text: RegExp) {
      for (;;) {
        const found = text.exec(output);
        if (found) return found;
        if (hasEnded) throw new Error(`It ended without ${text}: ${output}`);
        await sleep(50);
      }
    },
  };
}

export interface RunningProcess {
  readonly pid: number;
  readonly command: string;
}

/** All that descends from `pid`, however far down. */
export async function descendants(pid: number): Promise<RunningProcess[]> {
  const parents = new Map<number, number>();
  for (const name of await readdir('/proc')) {
    const stat = /^\d+$/.test(name) ? await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '') : '';
    const parent = /\) \S (\d+)/.exec(stat)?.[1];
    if (parent) parents.set(Number(name), Number(parent));
  }
  const found = [pid];
  for (const of of found) for (const [child, parent] of parents) if (parent === of) found.push(child);
  return Promise.all(
    found.slice(1).map(async (one) => ({
      pid: one,
      command: (await readFile(`/proc/${one}/cmdline`, 'utf8').catch(() => '')).replaceAll('\0', ' '),
    })),
  );
}

/** Resolves once none of them is left. */
export async function allGone(processes: readonly RunningProcess[]): Promise<void> {
  while (processes.some(({ pid }) => isAlive(pid))) await sleep(25);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
