import type { LogFields, Logger } from '../../src/index';
import { type JobRun, jobRunOf, troubleOf } from './job-line';
import { collapseRepeats } from './repeats';

export interface StackConsole {
  /** A line of the host's output: a job's run becomes one line, the host's chatter none. */
  hostLine(line: string): void;
  say(line: string): void;
  /** How often each job has run since the last call, and how many of those failed. */
  takeRuns(): ReadonlyMap<string, { runs: number; failed: number }>;
}

/** Renders what the host says for a person who watches. */
export function stackConsole(
  write: (line: string) => void,
  onRun: (run: JobRun) => void = () => {},
  now: () => number = Date.now,
): StackConsole {
  let counts = new Map<string, { runs: number; failed: number }>();
  const say = (line: string) => write(`${new Date().toISOString().slice(11, 19)}  ${line}`);
  const sayTrouble = collapseRepeats(say, now);
  return {
    say,
    hostLine(line) {
      const run = jobRunOf(line);
      if (run) {
        const count = counts.get(run.job) ?? { runs: 0, failed: 0 };
        counts.set(run.job, { runs: count.runs + 1, failed: count.failed + (run.ok ? 0 : 1) });
        // During an outage each batch fails, or is put back, over and over.
        const isWell = run.ok && !run.figures.putBack;
        (isWell ? say : sayTrouble)(renderRun(run));
        onRun(run);
        return;
      }
      const trouble = troubleOf(line);
      if (trouble) sayTrouble(`! ${trouble}`);
    },
    takeRuns() {
      const taken = counts;
      counts = new Map();
      return taken;
    },
  };
}

/** What the web app's side of the library warns of, as lines of the console; nothing while `quiet` says so. */
export function consoleLogger(say: (line: string) => void, quiet: () => boolean): Logger {
  const sayTrouble = collapseRepeats(say);
  const show = (fields: LogFields, message: string) => {
    const words = Object.entries(fields).map(([name, value]) => `${name}=${value}`);
    if (!quiet()) sayTrouble(`! web app: ${[message, ...words].join(' ')}`);
  };
  return { debug: () => {}, info: () => {}, warn: show, error: show };
}

/** What a person wants to know of a run beside what it did: how much is still to do, or how late it was. */
const BEHIND = /^(shed|left|waiting|pending|lag)|behind/i;

/** `flushWrites        12 ms  saved 40 writes  (lagMs 120)` */
export function renderRun({ job, ok, ms, summary, figures }: JobRun): string {
  const shown = Object.entries(figures)
    .filter(([name, value]) => value !== 0 && BEHIND.test(name))
    .map(([name, value]) => `${name} ${Number.isInteger(value) ? value : value.toFixed(2)}`);
  const behind = shown.length > 0 ? `  (${shown.join(', ')})` : '';
  return `${job.padEnd(18)} ${`${ms} ms`.padStart(8)}  ${ok ? '' : 'FAILED: '}${summary}${behind}`;
}
