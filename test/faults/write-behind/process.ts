import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { guard, unguard } from '../../../local/servers/guardian';

export interface ProcessOptions {
  readonly name: string;
  readonly script: string;
  /** Of its n-th life, counted from 1. */
  readonly args: (life: number) => readonly string[];
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly onMessage?: (message: unknown) => void;
  /** It ended, and nobody had asked it to. */
  readonly onFailure: (words: string) => void;
}

const LINES_KEPT = 10;
/** Ample for a process that drains; one that hangs must not hang the run. */
const KILL_MS = 60_000;

/** A child that is started again whenever it was killed. */
export class Process {
  #child: ChildProcess | undefined;
  #gone: Promise<unknown> = Promise.resolve();
  #lives = 0;

  constructor(private readonly options: ProcessOptions) {}

  start(): void {
    const { name, script, args, cwd, env, onMessage, onFailure } = this.options;
    const child = fork(script, args(++this.#lives), {
      ...{ cwd, env, execArgv: [], stdio: ['ignore', 'pipe', 'pipe', 'ipc'] },
    });
    const last: string[] = [];
    for (const stream of [child.stdout, child.stderr]) {
      if (!stream) continue;
      createInterface({ input: stream }).on('line', (line) => {
        if (last.push(line) > LINES_KEPT) last.shift();
      });
    }
    if (onMessage) child.on('message', onMessage);
    // What it said before its end comes before `disconnect`.
    this.#gone = Promise.all([once(child, 'exit'), once(child, 'disconnect')]);
    const { pid } = child;
    if (pid !== undefined) guard(pid);
    void this.#gone.then(() => {
      if (pid !== undefined) unguard(pid);
      if (this.#child === child) onFailure(`${name} ended by itself: ${last.join('\n')}`);
    });
    this.#child = child;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  /** Ends it; resolves when it is gone and everything it said was read. */
  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const child = this.#child;
    if (!child) return;
    this.#child = undefined;
    child.kill('SIGCONT');
    child.kill(signal);
    const timer = setTimeout(() => child.kill('SIGKILL'), KILL_MS);
    await this.#gone;
    clearTimeout(timer);
  }
}
