import type { Finding } from '../doctor';

/** All that a command uses of its surroundings; tests pass their own. */
export interface CliIo {
  /** One line to standard output. */
  out(line: string): void;
  /** One line to standard error. */
  err(line: string): void;
  /** The environment that settings are read from. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** True if standard output is a terminal: only then are progress bars drawn. */
  readonly isTerminal: boolean;
  /** Sets the exit status: 0 for success, 1 for a finding or a failure, 2 for a wrong call. */
  exit(code: 0 | 1 | 2): void;
}

/** Ends the process, without a word, if the reader of `stream` has gone, as `head` does when it has enough. */
export function exitWhenUnread(stream: NodeJS.WriteStream): void {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit();
  });
}

const signs = { ok: 'ok', warning: 'WARN', error: 'FAIL', skipped: '-' } as const;

/** The first line of a finding, without its advice. */
export const lineOf = ({ check, state, detail }: Finding): string =>
  `${signs[state].padEnd(4)}  ${check.padEnd(18)}  ${detail}`;
