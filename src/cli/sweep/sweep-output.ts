import { systemClock } from '../../clock';
import {
  type CensusFindings,
  type CensusReport,
  censusReport,
  openRecords,
  type SweepName,
  type SweepProgress,
  type SweepSummary,
} from '../../hygiene';
import { readProgress } from '../../hygiene/records/sweep-progress';
import type { SessionsFindings } from '../../hygiene/sessions/sessions-sweep';
import { counted } from '../../plural';
import { readSettings } from '../../settings';
import { storageClients } from '../../storage/clients';
import type { CliIo } from '../io';

/** The result of a run on `servers` servers, as lines or as one object. */
export function showSummary(
  sweep: SweepName,
  summary: SweepSummary,
  servers: number,
  json: boolean,
): readonly string[] {
  const census = sweep === 'census' ? censusReport(summary.findings as CensusFindings) : undefined;
  if (json) {
    const { findings, ...rest } = summary;
    const sample = sweep === 'sessions' ? { sample: (findings as SessionsFindings).sample } : {};
    return [JSON.stringify({ pass: sweep, ...rest, ...sample, ...(census ? { census } : {}) }, null, 2)];
  }
  const seconds = (summary.finishedAt - summary.startedAt) / 1_000;
  return [
    `${sweep}${summary.dryRun ? ' (dry run: nothing was changed)' : ''}: ${count(summary.examined)} keys on ` +
      `${counted(servers, 'server')} in ${seconds.toFixed(1)} s, ${count(summary.serverMs)} ms of their time`,
    ...(census ? showCensus(census) : showFigures(summary.figures)),
    ...(summary.restarts + summary.rescans > 0
      ? [
          `  scanned again: ${summary.restarts} because the server changed, ${summary.rescans} because keys moved or were missing`,
        ]
      : []),
    ...summary.faults.map((fault) => `  INCOMPLETE  ${fault}`),
  ];
}

const words: Readonly<Record<string, string>> = {
  matched: 'sessions',
  missing: 'without a TTL',
  given: 'given a TTL',
  over: 'TTL beyond the absolute lifetime',
  capped: 'TTL capped',
  inspected: 'checked',
  malformed: 'damaged, of those checked',
  oversized: 'oversized, of those checked',
  otherTypes: 'not a string',
  indexes: "users' indexes",
  pruned: 'expired members removed from them',
  entries: 'cached entries',
  dead: 'invalidated',
  unlinked: 'unlinked',
};

const showFigures = (figures: Readonly<Record<string, number>>): string[] =>
  Object.entries(words)
    .filter(([name]) => figures[name] !== undefined)
    .map(([name, text]) => `  ${text.padEnd(36)} ${count(figures[name] ?? 0).padStart(14)}`);

function showCensus({ groups, total, big }: CensusReport): string[] {
  const row = (label: string, keys: string, share: string, memory: string) =>
    `  ${label.padEnd(40)} ${keys.padStart(14)} ${share.padStart(12)} ${memory.padStart(24)}`;
  const rowOf = (group: CensusReport['total']) =>
    row(
      group.label,
      count(group.keys),
      group.keys === 0 ? '' : `${((100 * group.withoutTtl) / group.keys).toFixed(1)} %`,
      group.memory ? `${mb(group.memory.bytes)} ± ${mb(group.memory.errorBytes)} MB` : 'unknown',
    );
  return [
    row('group', 'keys', 'without TTL', 'memory'),
    ...[...groups].map(rowOf),
    rowOf(total),
    ...(big.length > 0 ? ['  biggest keys'] : []),
    ...big.map(({ key, type, bytes }) => `    ${count(bytes).padStart(14)} bytes  ${type.padEnd(7)} ${key}`),
  ];
}

const mb = (bytes: number): string => (bytes / 2 ** 20).toFixed(2);

const WIDTH = 30;
const OVERWRITE = '\u001b[1A\u001b[2K';
/** Without a terminal, a line from time to time is enough. */
const LINE_EVERY_MS = 10_000;

/** Shows a bar on a terminal, a line every ten seconds elsewhere, and nothing if only JSON is wanted. */
export function progressBar(io: CliIo, silent: boolean) {
  let drawn = false;
  let printedAt = Date.now();
  return {
    show(progress: SweepProgress): void {
      if (silent) return;
      if (io.isTerminal) {
        io.err(`${drawn ? OVERWRITE : ''}${barOf(progress)}`);
        drawn = true;
      } else if (Date.now() - printedAt >= LINE_EVERY_MS) {
        printedAt = Date.now();
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

/** One line about a run in progress. */
function textOf({ pass, percent, examined, expected, secondsLeft, shards, shardsDone }: SweepProgress): string {
  const left = secondsLeft === undefined ? '' : `, ${secondsLeft} s left`;
  // Each database of each server is scanned by itself.
  const scans = shards > 1 ? `, ${shardsDone} of ${shards} scans done` : '';
  return `${pass} ${percent.toFixed(1)} %, ${count(examined)} of ${count(expected)} keys${scans}${left}`;
}

const count = (value: number): string => value.toLocaleString('en-US');

/** The progress of the scheduled sweeps, from their records in the storage account. */
export async function showStatus(
  environment: Readonly<Record<string, string | undefined>>,
  json: boolean,
): Promise<readonly string[]> {
  const storage = storageClients(readSettings(environment));
  const sweeps = await readProgress(openRecords(storage), systemClock);
  if (json)
    return [
      JSON.stringify(
        sweeps.map(({ last, ...now }) => ({ ...now, last: last && withoutFindings(last) })),
        null,
        2,
      ),
    ];
  return sweeps.length === 0 ? ['no sweep has ever run'] : sweeps.flatMap(linesOf);
}

function linesOf(progress: SweepProgress): string[] {
  const { last } = progress;
  const now = progress.status === 'running' ? [`${textOf(progress)}, since ${iso(progress.startedAt)}`] : [];
  if (!last) return now;
  const outcome = last.faults.length === 0 ? 'complete' : last.faults.join('; ');
  return [...now, `${progress.pass} last ended ${iso(last.finishedAt)}: ${count(last.examined)} keys, ${outcome}`];
}

const iso = (at: number): string => new Date(at).toISOString();

const withoutFindings = <T extends { findings: unknown }>({ findings: _, ...rest }: T) => rest;
