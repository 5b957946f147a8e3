/** What a scenario answers: printed as a table, or as one JSON object with `--json`. */
export interface BenchResult {
  readonly scenario: string;
  /** Ours; the unit is in the name: `rowsPerSecond`, `p99Ms`. */
  readonly figures: Readonly<Record<string, number>>;
  /** The same of others, measured in the same run. */
  readonly peers: Readonly<Record<string, number>>;
  /** Ours over theirs. */
  readonly ratios: Readonly<Record<string, number>>;
  /** What was asked for, and whether it is met. */
  readonly bars: readonly Bar[];
}

export interface Bar {
  /** Where the figure stands: `ratios.overStory`. */
  readonly name: string;
  /** In words: `at least 10`. */
  readonly asked: string;
  readonly got: number;
  readonly met: boolean;
}

export interface Scenario {
  readonly name: string;
  /** `args`: what follows the scenario's name on the command line, without `--json`. */
  run(args: readonly string[]): Promise<BenchResult>;
}

export const atLeast = (name: string, got: number, bar: number): Bar => ({
  name,
  asked: `at least ${bar}`,
  got,
  met: got >= bar,
});

export const atMost = (name: string, got: number, bar: number): Bar => ({
  name,
  asked: `at most ${bar}`,
  got,
  met: got <= bar,
});

/** The middle of the values. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? Number.NaN)
    : ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2;
}

/** The value below which `share` (0 to 1) of the values lie. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** The number that follows an option on the command line. */
export function numberAfter(args: readonly string[], name: string): number | undefined {
  const at = args.indexOf(name);
  return at < 0 ? undefined : Number(args[at + 1]);
}
