import type { SweepProgress } from '../../hygiene';
import type { CliIo } from '../io';

const WIDTH = 30;
const OVERWRITE = '\u001b[1A\u001b[2K';
/** Where nobody watches a terminal, a line from time to time is enough. */
const LINE_EVERY_MS = 10_000;

/** A bar on a terminal, a line every ten seconds elsewhere, nothing where only JSON is wanted. */
export function progressBar(io: CliIo, silent: boolean) {
  let drawn = false;
  let toldAt = Date.now();
  return {
    show(progress: SweepProgress): void {
      if (silent) return;
      if (io.isTerminal) {
        io.err(`${drawn ? OVERWRITE : ''}${barOf(progress)}`);
        drawn = true;
      } else if (Date.now() - toldAt >= LINE_EVERY_MS) {
        toldAt = Date.now();
        io.err(textOf(progress));
      }
    },
    say(line: string): void {
      if (!silent) io.err(line);
      drawn = false;
    },
    end(): void {
      drawn = false;
    },
  };
}

function barOf(progress: SweepProgress): string {
  const full = Math.round((progress.percent / 100) * WIDTH);
  return `[${'#'.repeat(full)}${'.'.repeat(WIDTH - full)}] ${textOf(progress)}`;
}

/** One line of a run under way. */
export function textOf({ pass, percent, examined, expected, secondsLeft, shards, shardsDone }: SweepProgress): string {
  const left = secondsLeft === undefined ? '' : `, ${secondsLeft} s left`;
  const walked = shards > 1 ? `, ${shardsDone} of ${shards} servers done` : '';
  return `${pass} ${percent.toFixed(1)} %, ${count(examined)} of ${count(expected)} keys${walked}${left}`;
}

export const count = (value: number): string => value.toLocaleString('en-US');
