import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { guard, unguard } from '../servers/guardian';

export interface HostProcessOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Every line of standard output and standard error. */
  readonly onLine: (line: string) => void;
}

/** A functions host as a child: out of our process group, so that a Ctrl-C reaches it only when we say so. */
export class HostProcess {
  readonly #child: ChildProcess;
  /** Resolves with the exit code; null if a signal ended it. */
  readonly exited: Promise<number | null>;

  constructor({ command, args, cwd, env, onLine }: HostProcessOptions) {
    this.#child = spawn(command, [...args], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      if (stream) createInterface({ input: stream }).on('line', onLine);
    }
    this.#child.on('error', (error) => onLine(error.message));
    this.exited = once(this.#child, 'close').then(
      ([code]) => code as number | null,
      () => 1,
    );
    const { pid } = this.#child;
    if (pid === undefined) return;
    guard(pid);
    void this.exited.then(() => unguard(pid));
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  get running(): boolean {
    return this.#child.pid !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Asks it to drain, and kills it once `graceMs` are over; resolves with its exit code. */
  async stop(graceMs: number): Promise<number | null> {
    if (this.running) this.#child.kill('SIGTERM');
    const late = new AbortController();
    await Promise.race([this.exited, sleep(graceMs, undefined, { signal: late.signal }).catch(() => {})]);
    late.abort();
    await this.kill();
    return this.exited;
  }

  /** With its own children: the worker that `func` starts holds our pipes open. */
  async kill(): Promise<void> {
    if (this.running) process.kill(-this.pid, 'SIGKILL');
    await this.exited;
  }
}
