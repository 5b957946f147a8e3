import { readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import type { Outcome } from './load';

export interface Row extends Outcome {
  readonly on: string;
  readonly event: string;
}

const [BEGIN, END] = ['<!-- npm run faults -- ha -->', '<!-- end -->'];

/** When and on what it was run, then the table. */
export function report(rows: readonly Row[], redisVersion: string): string {
  const date = new Date().toISOString().slice(0, 10);
  const on = `${date}, Redis ${redisVersion}, Node ${process.versions.node}, ${cpus().length} shared cores`;
  return `${on}; a deadline of 500 ms, \`cluster-node-timeout\` 2 s, \`down-after-milliseconds\` 1 s:\n\n${table(rows)}`;
}

/** Puts the report in the place that the page has for it. */
export function writeInto(page: string, text: string): void {
  const before = readFileSync(page, 'utf8');
  const [from, to] = [before.indexOf(BEGIN), before.indexOf(END)];
  if (from < 0 || to < from) throw new Error(`Expected ${page} to have a place between ${BEGIN} and ${END}`);
  writeFileSync(page, `${before.slice(0, from)}${BEGIN}\n\n${text}\n\n${before.slice(to)}`);
}

function table(rows: readonly Row[]): string {
  const head = [
    ...['on', 'event', 'calls', 'errors', 'without service', 'longest call', 'older reads'],
    'acknowledged writes lost',
  ];
  const cells = rows.map((row) => [
    ...[row.on, row.event, `${row.calls}`],
    Object.entries(row.errors)
      .map(([code, count]) => `${count} ${code}`)
      .join(', ') || 'none',
    ...[`${row.withoutServiceMs} ms`, `${row.longestCallMs} ms`],
    row.olderReads === 0 ? '0' : `${row.olderReads} (by up to ${row.oldestMs} ms)`,
    `${row.lost}`,
  ]);
  return [head, head.map(() => '---'), ...cells].map((row) => `| ${row.join(' | ')} |`).join('\n');
}
