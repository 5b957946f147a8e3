import type { DatedCensus } from '../../hygiene';
import { escapeHtml } from '../dashboard/dashboard-page';
import type { ReportData, ReportFigures } from './report-data';

const digits = (value: number, most = 1) => value.toLocaleString('en-US', { maximumFractionDigits: most });
const percent = (share: number) => `${digits(share * 100)} %`;
const count = (value: number) => digits(value, 0);
const perSecond = (value: number) => `${digits(value)}/s`;
const ms = (value: number) => `${digits(value)} ms`;
const micros = (value: number) => `${digits(value * 1_000)} µs`;
const mib = (bytes: number, most = 1) => `${digits(bytes / 2 ** 20, most)} MiB`;
const minute = (iso: string) => iso.slice(0, 16).replace('T', ' ');
const shown = (value: number | null, form: (value: number) => string) => (value === null ? '–' : form(value));

const rows: readonly (readonly [keyof ReportFigures, string, (value: number) => string])[] = [
  ['hitRate', 'Hit rate', percent],
  ['commandsPerSecond', 'Commands', perSecond],
  ['commandMs', 'Time of a command', micros],
  ['memoryShare', 'Most memory used', percent],
  ['evictedKeys', 'Keys evicted', count],
  ['rejectedConnections', 'Connections refused', count],
  ['mostConnections', 'Most connections', count],
  ['loadMs', 'Time of a load', ms],
  ['writeLagSeconds', 'Write-behind lag', (value) => `${digits(value)} s`],
  ['failedRuns', 'Failed runs of jobs', count],
];

/** The report as one page, without scripts and without anything loaded from elsewhere. */
export function renderReport(data: ReportData): string {
  const period = `${minute(data.from)} to ${minute(data.until)} UTC`;
  const periods = [data.now, data.dayBefore, data.weekBefore];
  const figures = rows.map(([name, title, form]) => [title, ...periods.map((each) => shown(each[name], form))]);
  const at = (ms: number) => minute(new Date(ms).toISOString());
  const minutes = (from: number, until: number) => `${digits((until - from) / 60_000, 0)} min`;
  const until = Date.parse(data.until);
  const { hours } = data;
  const charts = [
    chart(hours, 'Hit rate', 'hitRate', percent),
    chart(hours, 'Memory', 'memoryBytes', mib),
    chart(hours, 'Commands', 'commandsPerSecond', perSecond),
  ].join('\n');
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
<p>Memory: ${data.memoryFullAt === null ? 'no end is in sight.' : `full at about ${minute(data.memoryFullAt)} UTC at this rate.`}</p>
${charts}
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
      it.entity,
      count(it.reads),
      shown(it.hitRate, percent),
      count(it.stale),
      shown(it.loadMs, ms),
      count(it.loadErrors),
    ]),
  )}
<h2>Census</h2>${censusOf(data.census)}
<h2>Commands that took most of the servers’ time</h2>${table(
    ['Command', 'Calls', 'Mean time', 'Share of the time'],
    data.commands.map((it) => [it.command, count(it.calls), micros(it.meanMs), percent(it.share)]),
  )}
<h2>Jobs</h2>${table(
    ['Job', 'Runs', 'Failed', 'Mean time'],
    data.jobs.map((it) => [it.job, shown(it.runs, count), shown(it.failures, count), shown(it.meanMs, ms)]),
  )}
</body></html>
`;
}

function censusOf(census: DatedCensus | null): string {
  if (!census) return '<p>None yet.</p>';
  const { finishedAt, isComplete, groups, total, usedBytesPerDay, daysUntilFull, fullAt } = census;
  const at = minute(new Date(finishedAt).toISOString());
  const signed = (value: number | null, form: (value: number) => string) =>
    value === null ? '–' : `${value > 0 ? '+' : ''}${form(value)}`;
  const exact = (bytes: number) => mib(bytes, 2);
  const lines = [...groups, total].map((it) => [
    ...[it.label, digits(it.keys, 0), it.withoutTtlShare === null ? '–' : `${digits(it.withoutTtlShare * 100)} %`],
    it.memoryBytes === null ? '–' : `${exact(it.memoryBytes)} ± ${exact(it.memoryErrorBytes ?? 0)}`,
    signed(it.keysPerDay, count),
  ]);
  const full =
    fullAt === null || daysUntilFull === null
      ? 'no end is in sight'
      : `full in ${digits(daysUntilFull)} days, on ${new Date(fullAt).toISOString().slice(0, 10)}`;
  const growth =
    usedBytesPerDay === null
      ? 'The growth of memory is known a day after the first census'
      : `Memory of the servers: ${signed(usedBytesPerDay, exact)} a day; ${full}`;
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
type Charted = Exclude<keyof ReportData['hours'][number], 'at'>;

function chart(hours: ReportData['hours'], title: string, name: Charted, form: (value: number) => string): string {
  const values = hours.map((hour) => hour[name]);
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
