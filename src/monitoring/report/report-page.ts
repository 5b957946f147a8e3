import type { DatedCensus } from '../../hygiene';
import { escapeHtml } from '../dashboard/dashboard-page';
import type { ReportData, ReportFigures } from './report-data';

const digits = (value: number, most = 1) => value.toLocaleString('en-US', { maximumFractionDigits: most });

const rows: readonly (readonly [keyof ReportFigures, string, (value: number) => string])[] = [
  ['hitRate', 'Hit rate', (value) => `${digits(value * 100)} %`],
  ['commandsPerSecond', 'Commands', (value) => `${digits(value)}/s`],
  ['commandMs', 'Time of a command', (value) => `${digits(value * 1_000)} µs`],
  ['memoryShare', 'Most memory used', (value) => `${digits(value * 100)} %`],
  ['evictedKeys', 'Keys evicted', (value) => digits(value, 0)],
  ['rejectedConnections', 'Connections refused', (value) => digits(value, 0)],
  ['mostConnections', 'Most connections', (value) => digits(value, 0)],
  ['loadMs', 'Time of a load', (value) => `${digits(value)} ms`],
  ['writeLagSeconds', 'Write-behind lag', (value) => `${digits(value)} s`],
  ['failedRuns', 'Failed runs of jobs', (value) => digits(value, 0)],
];

/** The report as one page, without scripts and without anything loaded from elsewhere. */
export function renderReport(data: ReportData): string {
  const period = `${data.from.slice(0, 16).replace('T', ' ')} to ${data.until.slice(0, 16).replace('T', ' ')} UTC`;
  const shown = (value: number | null, form: (value: number) => string) => (value === null ? '–' : form(value));
  const figures = rows.map(([name, title, form]) => [
    title,
    shown(data.now[name], form),
    shown(data.dayBefore[name], form),
    shown(data.weekBefore[name], form),
  ]);
  const at = (ms: number) => new Date(ms).toISOString().slice(0, 16).replace('T', ' ');
  const minutes = (from: number, until: number) => `${digits((until - from) / 60_000, 0)} min`;
  const until = Date.parse(data.until);
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escapeHtml(data.cache)}: ${period}</title>
<style>:root{color-scheme:light dark}body{font:15px/1.5 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem}
h2{font-size:1.05rem;margin-top:2rem}table{border-collapse:collapse}th,td{text-align:right;padding:.25rem .9rem .25rem 0;border-top:1px solid #8886;font-variant-numeric:tabular-nums}
th:first-child,td:first-child{text-align:left}.wide{overflow-x:auto}svg{width:100%;height:9rem}polyline{fill:none;stroke:currentColor;stroke-width:2;vector-effect:non-scaling-stroke}figure{margin:1rem 0}</style></head>
<body><h1>${escapeHtml(data.cache)}</h1><p>${period}</p>
<h2>What to do next</h2><ol>${data.advice.map((line) => `<li>${escapeHtml(line)}</li>`).join('')}</ol>
<h2>Compared</h2>${table(['', 'Now', 'A day before', 'A week before'], figures)}
<p>Memory: ${data.memoryFullAt === null ? 'no end is in sight.' : `full at about ${data.memoryFullAt.slice(0, 16).replace('T', ' ')} UTC at this rate.`}</p>
${chart(
  'Hit rate',
  data.hours.map(({ hitRate }) => hitRate),
  (value) => `${digits(value * 100)} %`,
)}
${chart(
  'Memory',
  data.hours.map(({ memoryBytes }) => memoryBytes),
  (value) => `${digits(value / 2 ** 20)} MiB`,
)}
${chart(
  'Commands',
  data.hours.map(({ commandsPerSecond }) => commandsPerSecond),
  (value) => `${digits(value)}/s`,
)}
<h2>Alerts</h2>${table(
    ['Alert', 'Severity', 'Where', 'Fired', 'For'],
    data.alerts.map(({ alert, severity, where, firedAt, resolvedAt }) => [
      ...[alert, severity, where, at(firedAt)],
      resolvedAt === null ? `still, ${minutes(firedAt, until)}` : minutes(firedAt, resolvedAt),
    ]),
  )}
<h2>Entities</h2>${table(
    ['Entity', 'Reads', 'Hit rate', 'Stale', 'Time of a load', 'Failed loads'],
    data.entities.map((it) => [
      ...[
        it.entity,
        digits(it.reads, 0),
        shown(it.hitRate, (value) => `${digits(value * 100)} %`),
        digits(it.stale, 0),
      ],
      ...[shown(it.loadMs, (value) => `${digits(value)} ms`), digits(it.loadErrors, 0)],
    ]),
  )}
<h2>Census</h2>${censusOf(data.census)}
<h2>Commands that took most of the servers’ time</h2>${table(
    ['Command', 'Calls', 'Mean time', 'Share of the time'],
    data.commands.map((it) => [
      it.command,
      digits(it.calls, 0),
      `${digits(it.meanMs * 1_000)} µs`,
      `${digits(it.share * 100)} %`,
    ]),
  )}
<h2>Jobs</h2>${table(
    ['Job', 'Runs', 'Failed', 'Mean time'],
    data.jobs.map((it) => [
      it.job,
      digits(it.runs, 0),
      digits(it.failures, 0),
      shown(it.meanMs, (value) => `${digits(value)} ms`),
    ]),
  )}
</body></html>
`;
}

function censusOf(census: DatedCensus | null): string {
  if (!census) return '<p>None yet.</p>';
  const { finishedAt, isComplete, groups, total, usedBytesPerDay, daysUntilFull, fullAt } = census;
  const at = new Date(finishedAt).toISOString().slice(0, 16).replace('T', ' ');
  const signed = (value: number | null, form: (value: number) => string) =>
    value === null ? '–' : `${value > 0 ? '+' : ''}${form(value)}`;
  const mib = (value: number) => `${digits(value / 2 ** 20, 2)} MiB`;
  const lines = [...groups, total].map((it) => [
    ...[it.label, digits(it.keys, 0), it.withoutTtlShare === null ? '–' : `${digits(it.withoutTtlShare * 100)} %`],
    it.memoryBytes === null ? '–' : `${mib(it.memoryBytes)} ± ${mib(it.memoryErrorBytes ?? 0)}`,
    signed(it.keysPerDay, (value) => digits(value, 0)),
  ]);
  const full =
    fullAt === null || daysUntilFull === null
      ? 'no end is in sight'
      : `full in ${digits(daysUntilFull)} days, on ${new Date(fullAt).toISOString().slice(0, 10)}`;
  const growth =
    usedBytesPerDay === null
      ? 'The growth of memory is known a day after the first census'
      : `Memory of the servers: ${signed(usedBytesPerDay, mib)} a day; ${full}`;
  return `<p>Of ${at} UTC${isComplete ? '' : '; it may have missed keys'}. ${growth}.</p>
${table(['Keys of', 'Keys', 'Without TTL', 'Memory', 'Keys a day'], lines)}`;
}

function table(heads: readonly string[], lines: readonly (readonly string[])[]): string {
  if (lines.length === 0) return '<p>None.</p>';
  const head = heads.map((text) => `<th scope="col">${escapeHtml(text)}</th>`).join('');
  const body = lines
    .map((cells) => `<tr>${cells.map((text) => `<td>${escapeHtml(text)}</td>`).join('')}</tr>`)
    .join('');
  return `<div class="wide"><table><thead><tr>${head}</tr></thead><tbody>${body}</tbody></table></div>`;
}

/** A line over the whole period, one point per hour; it is broken if nothing was collected. */
function chart(title: string, values: readonly (number | null)[], form: (value: number) => string): string {
  const known = values.filter((value) => value !== null);
  if (known.length < 2) return '';
  const most = known.reduce((a, b) => Math.max(a, b));
  const least = known.reduce((a, b) => Math.min(a, b));
  const pieces: string[] = [];
  let points: string[] = [];
  values.forEach((value, index) => {
    if (value === null) {
      pieces.push(points.join(' '));
      points = [];
    } else points.push(`${(index / (values.length - 1)) * 1_000},${190 - (value / (most || 1)) * 180}`);
  });
  pieces.push(points.join(' '));
  const lines = pieces.filter(Boolean).map((piece) => `<polyline points="${piece}"/>`);
  const caption = `${title}: between ${form(least)} and ${form(most)}`;
  return `<figure><svg viewBox="0 0 1000 200" preserveAspectRatio="none" role="img" aria-label="${escapeHtml(caption)}">${lines.join('')}</svg><figcaption>${escapeHtml(caption)}</figcaption></figure>`;
}
