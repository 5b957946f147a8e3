import { type CensusFindings, type CensusReport, censusReport, type SweepName, type SweepSummary } from '../../hygiene';
import type { SessionsFindings } from '../../hygiene/sessions/sessions-sweep';
import { count } from './bar';

/** What a run found, as lines or as one object. */
export function showSummary(pass: SweepName, summary: SweepSummary, json: boolean): readonly string[] {
  const census = pass === 'census' ? censusReport(summary.findings as CensusFindings) : undefined;
  if (json) {
    const { findings, ...rest } = summary;
    const sample = pass === 'sessions' ? { sample: (findings as SessionsFindings).sample } : {};
    return [JSON.stringify({ pass, ...rest, ...sample, ...(census ? { census } : {}) }, null, 2)];
  }
  const seconds = (summary.finishedAt - summary.startedAt) / 1_000;
  return [
    `${pass}${summary.dryRun ? ' (dry run: nothing was changed)' : ''}: ${count(summary.examined)} keys on ${summary.shards} ` +
      `server${summary.shards === 1 ? '' : 's'} in ${seconds.toFixed(1)} s, ${count(summary.serverMs)} ms of their time`,
    ...(census ? showCensus(census) : showFigures(summary.figures)),
    ...(summary.restarts + summary.rescans > 0
      ? [`  walked again: ${summary.restarts} for another server, ${summary.rescans} for keys that moved or were short`]
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
  inspected: 'looked into',
  malformed: 'damaged, of those looked into',
  oversized: 'oversized, of those looked into',
  otherTypes: 'not a string',
  indexes: "users' indexes",
  pruned: 'expired members taken out of them',
  entries: 'cached entries',
  dead: 'invalidated',
  unlinked: 'unlinked',
};

function showFigures(figures: Readonly<Record<string, number>>): string[] {
  return Object.entries(words)
    .filter(([name]) => figures[name] !== undefined)
    .map(([name, text]) => `  ${text.padEnd(36)} ${count(figures[name] ?? 0).padStart(14)}`);
}

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
