import type { Outcome } from './load';

export interface Row extends Outcome {
  readonly on: string;
  readonly event: string;
}

/** The table of docs/high-availability.md. */
export function table(rows: readonly Row[]): string {
  const head = ['on', 'event', 'calls', 'errors', 'without service', 'longest call', 'older reads'];
  const cells = rows.map(({ on, event, calls, errors, withoutServiceMs, longestCallMs, olderReads, oldestMs }) => [
    ...[on, event, `${calls}`],
    Object.entries(errors)
      .map(([code, count]) => `${count} ${code}`)
      .join(', ') || 'none',
    ...[`${withoutServiceMs} ms`, `${longestCallMs} ms`],
    olderReads === 0 ? '0' : `${olderReads} (by up to ${oldestMs} ms)`,
  ]);
  return [head, head.map(() => '---'), ...cells].map((row) => `| ${row.join(' | ')} |`).join('\n');
}
