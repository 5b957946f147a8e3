/** What a command may touch of the outside; tests pass their own. */
export interface CliIo {
  /** One line to standard output. */
  out(line: string): void;
  /** One line to standard error. */
  err(line: string): void;
  /** The environment that settings are read from. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** True where standard output is a terminal: progress bars are drawn only then. */
  readonly isTerminal: boolean;
  /** Sets the exit status: 0 as it should be, 1 a finding or a failure, 2 a wrong call. */
  exit(code: 0 | 1 | 2): void;
}
