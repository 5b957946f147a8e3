import type { Check } from './checks';

/** The outcome as a table of text. */
export function renderTable(checks: readonly Check[]): string {
  const width = Math.max(...checks.map(({ what }) => what.length));
  const lines = checks.map(({ what, ok, found }) => `  ${ok ? 'ok  ' : 'FAIL'}  ${what.padEnd(width)}  ${found}`);
  const failed = checks.filter(({ ok }) => !ok).length;
  const verdict = failed === 0 ? `all ${checks.length} hold` : `${failed} of ${checks.length} do not hold`;
  return ['', ...lines, '', `  ${verdict}`, ''].join('\n');
}
