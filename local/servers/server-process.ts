import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { guard, unguard } from './guardian';

export interface ServerCommand {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Its own folder; also gets its output, as `log`. */
  readonly dir: string;
  /** The folder outlives the process. Default: false, and it is removed at stop. */
  readonly keepDir?: boolean;
  /** The user it runs as. Default: ours. */
  readonly uid?: number;
  /** Asks it to end. Default: SIGTERM. */
  readonly stopSignal?: NodeJS.Signals;
  /** How long it is given to end after `stopSignal` before SIGKILL, in ms. 0 kills at once. */
  readonly graceMs: number;
}

/**
 * A server as a child process: out of our process group, so that a terminal's Ctrl-C doesn't stop it before its
 * clients; and guarded, so that it doesn't outlive us.
 */
export class ServerProcess {
  readonly #child: ChildProcess;
  readonly #gone: Promise<unknown>;

  constructor(readonly spec: ServerCommand) {
    const log = openSync(this.logFile, 'a');
    this.#child = spawn(spec.command, [...spec.args], {
      cwd: spec.dir,
      env: { ...process.env, ...spec.env },
      stdio: ['ignore', log, log],
      detached: true,
      ...(spec.uid === undefined ? {} : { uid: spec.uid }),
    });
    closeSync(log);
    this.#child.unref();
    this.#gone = Promise.race([once(this.#child, 'exit'), once(this.#child, 'error')]).catch(() => {});
    if (this.#child.pid !== undefined) guard(this.#child.pid, spec.keepDir ? '' : spec.dir);
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  get logFile(): string {
    return join(this.spec.dir, 'log');
  }

  get running(): boolean {
    return this.#child.pid !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  log(): Promise<string> {
    return readFile(this.logFile, 'utf8').catch(() => '');
  }

  /** Polls `probe` until it gives a value. Rejects with the end of the log if the process ends or the time is up. */
  async until<T>(probe: () => Promise<T | undefined>, timeoutMs = 30_000): Promise<T> {
    const end = Date.now() + timeoutMs;
    for (;;) {
      const answer = this.running ? await probe() : undefined;
      if (answer !== undefined) return answer;
      if (!this.running || Date.now() > end) break;
      await sleep(20);
    }
    const why = this.running ? `was not ready after ${timeoutMs} ms` : 'ended at its start';
    throw new Error(`${this.spec.name} ${why}: ${(await this.log()).trim().slice(-600)}`);
  }

  /** Sends a signal; resolves when the process is gone, unless the signal only freezes or thaws it. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    if (!this.running) return;
    process.kill(this.pid, signal);
    if (signal === 'SIGKILL' || signal === 'SIGTERM') await this.#untilGone();
  }

  /** Ends it, by force after the grace, and removes its folder. */
  async stop(): Promise<void> {
    await this.#end();
    if (!this.spec.keepDir) await rm(this.spec.dir, { recursive: true, force: true });
    // Last: should we die before, the guardian removes the folder.
    this.#release();
  }

  /** Ends it and leaves its folder. */
  async end(): Promise<void> {
    await this.#end();
    this.#release();
  }

  async #end(): Promise<void> {
    if (this.running) {
      if (this.spec.graceMs > 0) {
        process.kill(this.pid, this.spec.stopSignal ?? 'SIGTERM');
        const late = new AbortController();
        await Promise.race([
          this.#untilGone(),
          sleep(this.spec.graceMs, undefined, { signal: late.signal }).catch(() => {}),
        ]);
        late.abort();
      }
      await this.kill('SIGKILL');
    }
  }

  #release(): void {
    if (this.#child.pid !== undefined) unguard(this.pid);
  }

  /** Keeps this process from ending meanwhile, which a server by itself must not do. */
  async #untilGone(): Promise<void> {
    this.#child.ref();
    await this.#gone;
  }
}
