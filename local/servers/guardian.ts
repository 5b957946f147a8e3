import { type ChildProcess, spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { projectRoot } from './paths';

let guardian: ChildProcess | undefined;

/**
 * Has the server `pid` killed and `folder` removed if this process dies first, be it by SIGKILL. One small shell a
 * process holds the list; it notices by its standard input.
 */
export function guard(pid: number, folder = ''): void {
  say(`+ ${pid} ${folder}`);
}

/** The server is gone, or is left to run on purpose. */
export function unguard(pid: number): void {
  say(`- ${pid}`);
}

function say(line: string): void {
  if (guardian === undefined) {
    guardian = spawn('sh', [join(projectRoot, 'local/servers/guardian.sh')], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    });
    guardian.unref();
    (guardian.stdin as Socket).unref();
  }
  guardian.stdin?.write(`${line}\n`);
}
